//! The size R(α), eq. (9), held as its logarithm.
