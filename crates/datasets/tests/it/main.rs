//! Tests of checking, loading and fetching, on small made-up sets that go through the same code as the real ones, in one binary, which
//! is linked once.

mod damage;
mod fake;
mod fetch;
mod files;
mod load;
mod real;
mod server;
