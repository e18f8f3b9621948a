//! End-to-end, interoperability, fault and load tests, in one binary.
