//! Places in an experiment file, such as `panels[1].x.from`, as `twoscale` names them in its specifications.
pub use twoscale::finding::{KeyPath, Segment};
