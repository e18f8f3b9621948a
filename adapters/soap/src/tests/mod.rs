//! Tests of the whole crate: a configuration is compiled, calls are made, answers are read.

mod cases;
mod corpus;
mod hostile;
mod refusals;
mod roundtrip;
mod support;
mod values;
