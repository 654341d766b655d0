//! qiss-format
