//! XML as messages hold it, read element by element: well-formed (XML 1.0), with namespaces resolved (Namespaces in XML 1.0), in the
//! encodings that systems in offices write, and within limits.
//!
//! Document types, processing instructions and entities of one's own are refused: no message needs them, and each has been the way into
//! somebody's system. An error never carries a piece of the text.

mod attributes;
mod cursor;
mod encoding;
mod error;
mod limits;
mod space;

pub use attributes::{Attributes, allowed, reference};
pub use cursor::{Attribute, Cursor, Token};
pub use encoding::{Charset, decode, decode_agreed, latin1};
pub use error::XmlError;
pub use limits::XmlLimits;
pub use space::{SOAP_11, SOAP_12, Space, Spaces, XML, XSD, XSI};

/// Whether a text is nothing but white space (XML 1.0 §2.3).
pub fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| is_space(char::from(byte)))
}

/// A text without the white space around it (XML 1.0 §2.3).
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}
