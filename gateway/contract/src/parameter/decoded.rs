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
    /// The same value, of a text that does not last.
    pub(crate) fn into_owned(self) -> Decoded<'static> {
        match self {
            Self::Text(text) => Decoded::Text(Cow::Owned(text.into_owned())),
            Self::Number(text) => Decoded::Number(Cow::Owned(text.into_owned())),
            Self::Bool(value) => Decoded::Bool(value),
            Self::Null => Decoded::Null,
            Self::List(items) => Decoded::List(items.into_iter().map(Decoded::into_owned).collect()),
            Self::Record(members) => {
                Decoded::Record(members.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned())).collect())
            }
            Self::Json(json) => Decoded::Json(json),
            Self::File(bytes) => Decoded::File(Cow::Owned(bytes.into_owned())),
        }
    }

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
