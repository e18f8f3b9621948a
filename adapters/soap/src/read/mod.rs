//! From envelopes to values: everything here meets bytes that an upstream chose.

mod envelope;
mod fault;
mod place;
mod value;

use std::fmt;

pub use envelope::{Envelope, read_envelope};
pub(crate) use envelope::{Reading, read_answer};
pub(crate) use fault::SoapFault;
use xml::XmlError;

/// Why a message is no envelope that we read. It never carries a piece of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is not XML that is read here. SOAP forbids document types and processing instructions.
    Xml(XmlError),
    /// It is XML, but not a SOAP envelope.
    NoEnvelope,
    /// It is an envelope of the other SOAP version.
    Version,
    /// Its header or body stand wrong, or there is none.
    Structure(&'static str),
    /// It breaks its description.
    Content {
        /// What is wrong.
        detail: String,
        /// Where, as a path of element names.
        place: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => error.fmt(f),
            Self::NoEnvelope => f.write_str("it is not a SOAP envelope"),
            Self::Version => f.write_str("it is an envelope of another SOAP version than was asked"),
            Self::Structure(what) => f.write_str(what),
            Self::Content { detail, .. } => f.write_str(detail),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<XmlError> for ReadError {
    fn from(error: XmlError) -> Self {
        Self::Xml(error)
    }
}
