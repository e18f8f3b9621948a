use std::fmt;

/// Why a text is not XML that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmlError {
    /// It is in an encoding that is not read, or breaks its own.
    Encoding,
    /// It is not well-formed XML.
    Malformed,
    /// It has a document type declaration.
    DocType,
    /// It has a processing instruction.
    Instruction,
    /// It refers to an entity other than the five built-in ones.
    Entity,
    /// It has a character that XML forbids.
    Character,
    /// It uses a prefix that it does not declare.
    Prefix,
    /// It exceeds this limit.
    Limit(&'static str),
}

impl fmt::Display for XmlError {
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
        }
    }
}

impl std::error::Error for XmlError {}
