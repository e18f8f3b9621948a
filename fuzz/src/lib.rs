//! What the fuzz targets do with an input, as plain functions: libFuzzer calls them, and so does the test that replays the
//! corpora. A function panics where what it holds is broken; its input may be anything.

pub mod audit_log;
pub mod body;
pub mod documents;
pub mod envelope;
pub mod json;
pub mod openapi;
pub mod request;
pub mod traceparent;
pub mod voucher;
pub mod yaml;
