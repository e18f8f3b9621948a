//! Values read from text: of parameters, and of forms.

use std::borrow::Cow;

use exchange::Json;

/// A value read from text.
#[derive(Clone, Debug)]
pub(crate) enum Decoded<'t> {
    Text(Cow<'t, str>),
    /// By its text.
    Number(Cow<'t, str>),
    Bool(bool),
    Null,
    List(Vec<Decoded<'t>>),
    Record(Vec<(Cow<'t, str>, Decoded<'t>)>),
    Json(Json),
    /// Something that is no text: its length counts, in bytes.
    File(Cow<'t, [u8]>),
}

impl Decoded<'_> {
    /// The bytes of the text that it was read from, about.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Number(text) => text.len(),
            Self::Bool(_) | Self::Null => 4,
            Self::List(items) => items.iter().map(|item| item.bytes() + 1).sum(),
            Self::Record(members) => members.iter().map(|(name, value)| name.len() + value.bytes() + 2).sum(),
            Self::Json(json) => json.bytes().len(),
            Self::File(_) => 1,
        }
    }
}
