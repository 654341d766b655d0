//! precursor-broker
