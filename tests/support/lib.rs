//! Shared helpers of the end-to-end tests: they drive the command line as a user does.
