//! Tests of the whole crate: a configuration is compiled, calls are made, answers are read.

#![expect(clippy::format_collect, clippy::needless_for_each, reason = "inputs are built to be read, not to be fast")]

mod cases;
mod corpus;
mod hostile;
mod refusals;
mod roundtrip;
mod support;
mod values;
