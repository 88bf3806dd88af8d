//! End-to-end tests of the command line, one module for each subject.
mod bench;
mod data_errors;
mod figures;
mod output;
mod own;
mod own_data;
mod plans;
mod regression;
mod search;
mod slurm;
mod smoke;
mod stopping;
mod support;
mod sweep;
mod torture;
mod usage;
