//! Canonical JSON: RFC 8785 over a restricted profile.
//!
//! Values are strings, booleans, arrays, objects and integers of at most 2^53 − 1; no fraction or exponent, no `null` (what is
//! absent is left out), no name given twice, and names are printable ASCII that needs no escape, so that the order of RFC 8785
//! §3.2.3 (UTF-16 code units) is the order of bytes. What does not fit is refused and never mended: two honest encoders of one
//! value then cannot disagree, and whoever verifies hashes what was read.

mod check;
mod encode;
#[cfg(test)]
mod tests;

pub use check::MAX_DEPTH;
pub use encode::encode;
pub(crate) use encode::{Object, key, push_hex};

/// The largest integer that every JSON implementation reads alike (RFC 7493 §2.2).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Bytes that are known to be canonical: written by this crate's encoder, or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canonical<'a>(&'a [u8]);

impl<'a> Canonical<'a> {
    /// Checks bytes that came from elsewhere. They must be one object, canonical and within the profile.
    pub fn check(bytes: &'a [u8]) -> Result<Self, JcsError> {
        check::check(bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn written(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// Why a text is not canonical, or cannot be made so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JcsError {
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not an object, cut short, or not JSON at this place; white space counts as such.
    #[error("not canonical JSON at byte {0}")]
    Syntax(usize),
    /// `null` has no place in the profile.
    #[error("null")]
    Null,
    /// A number with a fraction, an exponent, a leading zero, or minus zero.
    #[error("a number that is not a plain integer")]
    NotAnInteger,
    /// An integer beyond 2^53 − 1.
    #[error("an integer beyond 2^53 - 1")]
    TooLarge,
    /// A string with an escape that is not the shortest, or without one that it needs.
    #[error("a string with the wrong escapes")]
    Escape,
    /// A member name outside printable ASCII, or one that needs an escape.
    #[error("a member name that is not plain ASCII")]
    Name,
    /// Member names out of order, or one name twice.
    #[error("member names out of order")]
    Order,
    /// Nested beyond [`MAX_DEPTH`].
    #[error("nested too deeply")]
    TooDeep,
}
