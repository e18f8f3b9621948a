//! Parameters of the query.

use std::borrow::Cow;

use super::Found;
use super::style::{Pieces, Shape, Style, form, percent, pieces};
use super::syntax::Syntax;
use super::written::Written;
use crate::broken::Broken;

/// A pair of the query.
pub(crate) struct Pair<'q> {
    pub(crate) name: String,
    pub(crate) value: String,
    /// The value as received: a list is split at its commas before they are decoded.
    raw: &'q str,
}

impl Pair<'_> {
    /// A plus sign stands for itself where the document lets reserved characters stand as they are (`allowReserved`).
    pub(crate) fn keep_reserved(&mut self) {
        if let Some(value) = percent(self.raw).filter(|_| self.raw.contains('+')) {
            self.value = value.into_owned();
        }
    }
}

/// Reads a query, `application/x-www-form-urlencoded`; `None` where a percent sequence decodes to nothing.
pub(crate) fn pairs(query: &str) -> Option<Vec<Pair<'_>>> {
    let pair = |text| {
        let (name, raw) = str::split_once(text, '=').unwrap_or((text, ""));
        Some(Pair { name: form(name)?.into_owned(), value: form(raw)?.into_owned(), raw })
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

impl Written {
    /// Whether a pair of a query, or of a form, is its.
    pub(crate) fn claims(&self, name: &str) -> bool {
        let is = |shape: Shape| self.syntaxes.contains(&Syntax::Styled(shape));
        let is_exploded = self.explode && self.style == Style::Form && is(Shape::Record);
        match self.style {
            Style::DeepObject => self.member_of(name).is_some(),
            _ if is_exploded && !is(Shape::Scalar) => self.has_member(name),
            _ => *self.name == *name || (is_exploded && self.has_member(name)),
        }
    }

    /// The member in `name[member]`.
    fn member_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(&*self.name)?.strip_prefix('[')?.strip_suffix(']')
    }

    /// What of it stands among the pairs of a query, or of a form.
    pub(crate) fn in_query<'r>(&self, syntax: Syntax, pairs: &'r [Pair<'r>]) -> Result<Found<'r>, Broken> {
        let shape = syntax.shape();
        let value = |pair: &'r Pair<'r>| Cow::Borrowed(pair.value.as_str());
        let mut own = pairs.iter().filter(|pair| pair.name == *self.name);
        match (shape, self.style) {
            (Shape::Record, Style::DeepObject) => {
                let members = pairs.iter().filter_map(|pair| Some((self.member_of(&pair.name)?.into(), value(pair))));
                return Ok(Found::unless_none(Pieces::Pairs(members.collect())));
            }
            (Shape::Record, Style::Form) if self.explode => {
                let members = pairs.iter().filter(|pair| self.has_member(&pair.name));
                let members = members.map(|pair| (Cow::Borrowed(pair.name.as_str()), value(pair)));
                return Ok(Found::unless_none(Pieces::Pairs(members.collect())));
            }
            (Shape::List, _) if self.explode => return Ok(Found::unless_none(Pieces::Many(own.map(value).collect()))),
            _ => {}
        }
        let Some(pair) = own.next() else { return Ok(Found::Absent) };
        // Two readers would pick different ones.
        if own.next().is_some() {
            return Err(Broken::REPEATED);
        }
        if pair.value.is_empty() && self.allow_empty {
            return Ok(Found::Empty);
        }
        if shape == Shape::Scalar {
            return Ok(Found::Pieces(Pieces::One(value(pair))));
        }
        self.split_value(shape, pair.raw).map(Found::Pieces).ok_or(Broken::STYLE)
    }

    /// Splits a list or an object that is one value.
    fn split_value<'q>(&self, shape: Shape, raw: &'q str) -> Option<Pieces<'q>> {
        let decode = if self.allow_reserved { percent } else { form };
        let (encoded, separator): (&[&str], char) = match self.style {
            Style::SpaceDelimited => (&["%20", "+"], ' '),
            Style::PipeDelimited => (&["%7C", "%7c"], '|'),
            _ => (&[], ','),
        };
        if !encoded.iter().any(|encoded| raw.contains(encoded)) {
            return pieces(raw, separator, false, shape, decode);
        }
        let plain = encoded.iter().fold(raw.to_owned(), |text, encoded| text.replace(encoded, separator.encode_utf8(&mut [0; 4])));
        pieces(&plain, separator, false, shape, decode).map(Pieces::into_owned)
    }
}

/// Whether a pair of the query is named so, or is a member of what is.
pub(crate) fn is_of(parameter: &str, name: &str) -> bool {
    name.strip_prefix(parameter).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}
