//! Places in an experiment file, `panels[1].x.from`: those of the specifications in `twoscale`.
pub use twoscale::finding::{KeyPath, Segment};
