//! How a value is written as text, in a parameter or in a field of a form.

use std::sync::Arc;

use bytes::Bytes;
use exchange::{Json, JsonLimits};

use super::Found;
use super::decoded::Decoded;
use super::kinds::Reading;
use super::plan::Plan;
use super::query::is_of;
use super::record::record;
use super::style::{Pieces, Shape, Style};
use super::syntax::Syntax;
use crate::broken::Broken;

/// How a value is written as text.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) name: Arc<str>,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    /// Whether nothing is a value of it.
    pub(crate) allow_empty: bool,
    /// Whether a plus sign is one.
    pub(crate) allow_reserved: bool,
    /// What it may be, the likeliest first: it is valid as soon as it is valid as one of them.
    pub(crate) syntaxes: Box<[Syntax]>,
    pub(crate) plan: Plan,
    /// What stands beside an object whose members have any names, and is none of them.
    beside: Box<[Box<str>]>,
}

impl Written {
    /// `explode`: as the document says it. `all`: the names of all that stands in the same place.
    pub(crate) fn new(name: &str, style: Style, explode: Option<bool>, syntaxes: Box<[Syntax]>, plan: Plan, all: &[&str]) -> Self {
        let explode = explode.unwrap_or(matches!(style, Style::Form | Style::DeepObject | Style::Cookie));
        let is_open = explode && style == Style::Form && plan.has_others() && syntaxes.contains(&Syntax::Styled(Shape::Record));
        let beside = all.iter().filter(|other| is_open && **other != name).map(|other| (*other).into()).collect();
        Self { name: name.into(), style, explode, allow_empty: false, allow_reserved: false, syntaxes, plan, beside }
    }

    /// Whether a pair of the query is a member of an object whose members stand there on their own.
    pub(super) fn has_member(&self, name: &str) -> bool {
        let is_named = self.plan.members.iter().any(|(known, _)| **known == *name);
        is_named || (self.plan.has_others() && !self.beside.iter().any(|other| is_of(other, name)))
    }

    /// The value that the pieces are, in one reading.
    pub(crate) fn read<'p>(
        &self,
        syntax: Syntax,
        pieces: &'p Pieces<'_>,
        reading: Reading,
        limits: &JsonLimits,
    ) -> Result<Decoded<'p>, Broken> {
        let plan = &self.plan;
        Ok(match pieces {
            Pieces::One(text) if syntax == Syntax::Json => json(text.as_bytes(), limits)?,
            Pieces::One(text) if syntax == Syntax::Opaque => Decoded::Text((&**text).into()),
            Pieces::One(text) => plan.read((&**text).into(), reading),
            Pieces::Many(items) if syntax == Syntax::JsonItems => {
                Decoded::List(items.iter().map(|item| json(item.as_bytes(), limits)).collect::<Result<_, _>>()?)
            }
            Pieces::Many(items) => {
                Decoded::List(items.iter().enumerate().map(|(at, item)| plan.item(at).read((&**item).into(), reading)).collect())
            }
            Pieces::Pairs(pairs) => {
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
                record(&pairs, plan, reading, self.style == Style::DeepObject)?
            }
        })
    }
}

/// A value that is written as JSON.
pub(crate) fn json(text: &[u8], limits: &JsonLimits) -> Result<Decoded<'static>, Broken> {
    let json = Json::read(Bytes::copy_from_slice(text), limits).map(Decoded::Json);
    json.map_err(|error| Broken::saying("encoding", format!("is not readable as JSON: {}", error.kind)))
}

impl<'t> Found<'t> {
    /// Pieces that were looked for, unless there are none.
    pub(super) fn unless_none(pieces: Pieces<'t>) -> Self {
        let is_none = match &pieces {
            Pieces::One(_) => false,
            Pieces::Many(items) => items.is_empty(),
            Pieces::Pairs(pairs) => pairs.is_empty(),
        };
        if is_none { Self::Absent } else { Self::Pieces(pieces) }
    }
}
