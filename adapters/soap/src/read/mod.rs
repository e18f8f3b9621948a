//! From envelopes to values: everything here meets bytes that an upstream chose.

mod attributes;
mod cursor;
mod encoding;
mod envelope;
mod fault;
mod limits;
mod place;
mod value;

use std::fmt;

pub(crate) use attributes::{Attributes, allowed, reference};
pub(crate) use cursor::{Cursor, Token};
pub(crate) use encoding::decode;
pub use envelope::{Envelope, read_envelope};
pub(crate) use envelope::{Reading, read_answer};
pub(crate) use fault::SoapFault;
pub use limits::EnvelopeLimits;

/// Why a message is no envelope that we read. It never carries a piece of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is in an encoding that is not read, or breaks its own.
    Encoding,
    /// It is not well-formed XML.
    Malformed,
    /// It has a document type declaration, which SOAP forbids.
    DocType,
    /// It has a processing instruction, which SOAP forbids.
    Instruction,
    /// It refers to an entity other than the five built-in ones.
    Entity,
    /// It has a character that XML forbids.
    Character,
    /// It uses a prefix that it does not declare.
    Prefix,
    /// It exceeds this limit.
    Limit(&'static str),
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
            Self::Encoding => f.write_str("the text is in an encoding that is not read, or breaks it"),
            Self::Malformed => f.write_str("the text is not well-formed XML"),
            Self::DocType => f.write_str("a document type declaration stands in it"),
            Self::Instruction => f.write_str("a processing instruction stands in it"),
            Self::Entity => f.write_str("it refers to an entity that XML does not define"),
            Self::Character => f.write_str("it has a character that XML forbids"),
            Self::Prefix => f.write_str("it uses a prefix that it does not declare"),
            Self::Limit(what) => write!(f, "it exceeds the limit of {what}"),
            Self::NoEnvelope => f.write_str("it is not a SOAP envelope"),
            Self::Version => f.write_str("it is an envelope of another SOAP version than was asked"),
            Self::Structure(what) => f.write_str(what),
            Self::Content { detail, .. } => f.write_str(detail),
        }
    }
}

impl std::error::Error for ReadError {}
