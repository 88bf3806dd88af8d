//! The command line as a user meets it, one module a subject.
mod bench;
mod data_errors;
mod figures;
mod output;
<<<<<<< HEAD
mod own;
mod plans;
=======
mod own_data;
>>>>>>> 0115280 (Own data sets in experiment files: data: {set: files, images: x.npy, labels: y.npy}; the digest of the files counts in a run's key)
mod regression;
mod search;
mod smoke;
mod stopping;
mod sweep;
mod usage;
