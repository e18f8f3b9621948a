//! Rules that are broken before there is a value to hold against a schema, each in words that stand in one place.

use std::borrow::Cow;

use crate::violation::{Place, Violation};

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Its keyword, stable for machines.
    pub(crate) keyword: &'static str,
    pub(crate) message: Cow<'static, str>,
}

impl Broken {
    pub(crate) const REQUIRED: Self = Self::new("required", "is required");
    pub(crate) const REPEATED: Self = Self::new("repeated", "stands more than once");
    pub(crate) const STYLE: Self = Self::new("style", "is not written in the style of the contract");
    pub(crate) const TOO_DEEP: Self = Self::new("depth", "is nested too deep");
    pub(crate) const NO_TEXT: Self = Self::new("encoding", "is no text in UTF-8");
    pub(crate) const NO_PERCENT: Self = Self::new("encoding", "holds a percent sequence that decodes to nothing");
    pub(crate) const UNLISTED: Self = Self::new("content", "is of none of the media types that the contract lists for it");
    /// XML of another form than the schema's.
    pub(crate) const OTHERWISE: Self = Self::new("xml", "is not written as the contract says");

    pub(crate) const fn new(keyword: &'static str, message: &'static str) -> Self {
        Self { keyword, message: Cow::Borrowed(message) }
    }

    /// With words that are put together where it is found.
    pub(crate) fn saying(keyword: &'static str, message: String) -> Self {
        Self { keyword, message: Cow::Owned(message) }
    }

    pub(crate) fn at(self, place: Place) -> Violation {
        Violation::new(place, self.keyword, self.message)
    }
}
