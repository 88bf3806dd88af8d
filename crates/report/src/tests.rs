//! The page over made-up documents.
