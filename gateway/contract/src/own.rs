//! The errors of keywords that are looked at by code of ours: jsonschema carries them as a message.

use std::fmt::Display;

use jsonschema::ValidationError;

/// The keyword of which an error names the missing member.
pub(crate) const REQUIRED: &str = "required";

/// The keyword of which an error names the pattern as the engine reads it.
pub(crate) const PATTERN: &str = "pattern";

/// An error: the keyword, and what it asks for.
pub(crate) fn broken(keyword: &str, asked: &dyn Display) -> ValidationError<'static> {
    ValidationError::custom(format!("{keyword} {asked}"))
}

/// Reads what [`broken`] wrote.
pub(crate) fn told(message: &str) -> Option<(&str, &str)> {
    message.split_once(' ')
}
