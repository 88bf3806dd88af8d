//! candle operations with hand-written forward and backward passes; on other devices, candle's own operations.
