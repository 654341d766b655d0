//! neo-protocol
