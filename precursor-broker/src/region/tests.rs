//! Tests of the region over real memory.
