//! Models of the races at blocks and segments.
