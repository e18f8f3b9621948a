//! SOAP upstreams: WSDL and XML Schema compiled into mapping plans between JSON and XML.
//!
//! At load, [`compile`] reads a WSDL 1.1 with its schemas and a mapping, and resolves them into plans; whatever it cannot
//! translate faithfully it refuses there, with the construct, its place and the operations that need it. At run time a call
//! becomes an envelope by walking the plan, and an answer becomes JSON while it is read against the plan. This crate opens
//! no connection, fetches no schema, obeys no document type declaration, and passes no number through a float.

mod adapter;
mod compile;
mod mapping;
mod operation;
mod plan;
mod problem;
mod read;
mod schema;
mod source;
mod write;
mod wsdl;

#[cfg(test)]
mod tests;

pub use adapter::SoapAdapter;
pub use compile::compile;
pub use read::{Envelope, ReadError, read_envelope};
pub use wsdl::SoapVersion;
