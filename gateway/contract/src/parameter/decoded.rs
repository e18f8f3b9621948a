//! Values read from text: of parameters, and of forms.

use std::borrow::Cow;

use exchange::Json;
use serde_json::Value;

/// A value read from text.
#[derive(Clone, Debug)]
pub(crate) enum Decoded<'t> {
    Text(Cow<'t, str>),
    /// By its text.
    Number(Cow<'t, str>),
    Bool(bool),
    List(Vec<Decoded<'t>>),
    Record(Vec<(Cow<'t, str>, Decoded<'t>)>),
    Json(Json),
}

impl Decoded<'_> {
    /// The same value as serde's tree: only for comparing with what the contract lists.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => (&**text).into(),
            Self::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            Self::Bool(value) => Value::Bool(*value),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Record(members) => members.iter().map(|(name, value)| (name.clone().into_owned(), value.to_value())).collect(),
            Self::Json(json) => json.root().to_value(),
        }
    }
}
