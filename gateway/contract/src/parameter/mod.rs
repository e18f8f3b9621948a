//! Path, query, header and cookie parameters: from text to typed values, held against their schemas.

pub(crate) mod decoded;
mod headers;
mod kinds;
mod mixed;
mod parts;
mod plan;
mod query;
mod record;
mod style;
mod syntax;
mod written;

use std::sync::Arc;

use http::HeaderMap;
use http::header::HeaderName;

use crate::broken::Broken;
use crate::contract::Terms;
use crate::described::Location;
use crate::instance::Instance;
use crate::schemas::Schema;
use crate::violation::{MOST_VIOLATIONS, Place, Violation, check};
use decoded::Decoded;
pub(crate) use headers::{cookies, unquoted};
pub(crate) use kinds::{Kinds, Reading, Spoken, View};
use mixed::is_valid_mixed;
pub(crate) use parts::{File, Parts};
pub(crate) use plan::Plan;
pub(crate) use query::{Pair, is_of, pairs};
pub(crate) use record::grouped;
use style::split;
pub(crate) use style::{Pieces, Shape, Style, percent};
pub(crate) use syntax::Syntax;
pub(crate) use written::{Written, json};

/// A parameter compiled.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) stands: Stands,
    pub(crate) written: Written,
    pub(crate) required: bool,
    pub(crate) deprecated: bool,
    pub(crate) schema: Option<Arc<Schema>>,
}

/// Where a parameter stands.
#[derive(Debug)]
pub(crate) enum Stands {
    Path,
    Query {
        /// Whether one that is one value may stand several times.
        repeats: bool,
        /// What it is where it is left out, each of its texts.
        default: Box<[Box<str>]>,
    },
    /// Under its name as a header.
    Header(HeaderName),
    Cookie,
}

impl Stands {
    fn location(&self) -> Location {
        match self {
            Self::Path => Location::Path,
            Self::Query { .. } => Location::Query,
            Self::Header(_) => Location::Header,
            Self::Cookie => Location::Cookie,
        }
    }
}

/// What a request says of its parameters.
pub(crate) struct Given<'r> {
    /// As received, percent-encoded.
    pub(crate) path: &'r [(Arc<str>, String)],
    pub(crate) query: &'r [Pair<'r>],
    pub(crate) headers: &'r HeaderMap,
    /// Whether several lines of a header are one value, as RFC 9110 §5.3 has it: not where somebody else might take one of them only.
    pub(crate) joins_lines: bool,
    pub(crate) terms: Terms<'r>,
}

/// A parameter as a request has it.
pub(crate) enum Found<'t> {
    /// Not at all.
    Absent,
    /// Without a value, which it may be.
    Empty,
    Pieces(Pieces<'t>),
}

impl Parameter {
    /// What it is where it is left out, each of its texts.
    pub(crate) fn default(&self) -> &[Box<str>] {
        if let Stands::Query { default, .. } = &self.stands { default } else { &[] }
    }

    /// The header that it stands in.
    pub(crate) fn header(&self) -> Option<&HeaderName> {
        if let Stands::Header(name) = &self.stands { Some(name) } else { None }
    }

    pub(crate) fn is_in_query(&self) -> bool {
        matches!(self.stands, Stands::Query { .. })
    }

    /// Whether a pair of the query is this parameter's.
    pub(crate) fn claims(&self, name: &str) -> bool {
        self.is_in_query() && self.written.claims(name)
    }

    /// Whether it stands more than once, and is no list written so.
    fn is_repeated(&self, given: &Given<'_>) -> bool {
        let is_alone = |syntax: &Syntax| !(self.written.explode && syntax.shape() == Shape::List);
        self.written.syntaxes.iter().all(is_alone) && given.query.iter().filter(|pair| *pair.name == *self.written.name).count() > 1
    }

    /// Adds what is wrong with this parameter to what was found before. Tells whether it is there.
    pub(crate) fn check(&self, given: &Given<'_>, found: &mut Vec<Violation>) -> bool {
        if found.len() >= MOST_VIOLATIONS {
            return true;
        }
        if matches!(self.stands, Stands::Query { repeats: true, .. }) && self.is_repeated(given) {
            // Whichever of them a reader takes, it is valid.
            let own = given.query.iter().filter(|pair| *pair.name == *self.written.name);
            own.for_each(|pair| {
                self.check(&Given { query: std::slice::from_ref(pair), ..*given }, found);
            });
            return true;
        }
        let (mut wrong, mut is_there) = (Vec::new(), false);
        for &syntax in &self.written.syntaxes {
            let outcome = match self.found(syntax, given) {
                // It may be there as something else.
                Ok(Found::Absent) => continue,
                Ok(Found::Empty) => return true,
                Ok(Found::Pieces(pieces)) => self.valid_list(syntax, &pieces, given),
                Err(broken) => Err(vec![self.broken(broken)]),
            };
            is_there = true;
            match outcome {
                Ok(()) => return true,
                // As what it is likeliest to be meant, it is told what is wrong with it.
                Err(violations) if wrong.is_empty() => wrong = violations,
                Err(_) => {}
            }
        }
        if !is_there {
            if self.required {
                found.push(self.broken(Broken::REQUIRED));
            }
            return false;
        }
        let left = MOST_VIOLATIONS.saturating_sub(found.len());
        wrong.truncate(left);
        found.append(&mut wrong);
        true
    }

    fn place(&self, within: String) -> Place {
        Place::Parameter { location: self.stands.location(), name: self.written.name.clone(), within }
    }

    fn broken(&self, broken: Broken) -> Violation {
        broken.at(self.place(String::new()))
    }

    fn found<'r>(&self, syntax: Syntax, given: &Given<'r>) -> Result<Found<'r>, Broken> {
        let Written { name, style, explode, .. } = &self.written;
        match &self.stands {
            Stands::Path => match given.path.iter().find(|(known, _)| known == name) {
                Some((_, text)) => split(*style, *explode, syntax.shape(), name, text, percent).map(Found::Pieces).ok_or(Broken::STYLE),
                None => Ok(Found::Absent),
            },
            Stands::Query { .. } => self.written.in_query(syntax, given.query),
            Stands::Header(name) => self.in_headers(name, syntax, given),
            Stands::Cookie => self.in_cookies(syntax, given.headers),
        }
    }

    /// Nothing is a list of nothing for some, and for others a list of one empty text: both are written so.
    fn valid_list(&self, syntax: Syntax, pieces: &Pieces<'_>, given: &Given<'_>) -> Result<(), Vec<Violation>> {
        let valid = self.valid(syntax, pieces, given);
        match (&valid, pieces) {
            (Err(_), Pieces::Many(items)) if items.is_empty() => self.valid(syntax, &Pieces::Many(vec!["".into()]), given).or(valid),
            _ => valid,
        }
    }

    /// Holds what was found against the schema, as everything that it may be read as.
    fn valid(&self, syntax: Syntax, pieces: &Pieces<'_>, given: &Given<'_>) -> Result<(), Vec<Violation>> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let limits = given.terms.limits;
        let read = |reading| self.written.read(syntax, pieces, reading, limits).map_err(|broken| vec![self.broken(broken)]);
        holds_as_one(schema, read, |value| check(schema, Instance::of(value), value.bytes(), given.terms, &|within| self.place(within)))
    }
}

/// Valid as soon as it is valid in one reading, or with some texts read in one way and some in the other; else what is wrong with it in the
/// first.
pub(crate) fn holds_as_one<'v, E>(
    schema: &Schema,
    read: impl Fn(Reading) -> Result<Decoded<'v>, E>,
    wrong: impl FnOnce(&Decoded<'v>) -> Result<(), E>,
) -> Result<(), E> {
    let mut first = None;
    for reading in [Reading::Typed, Reading::Text] {
        let value = read(reading)?;
        if schema.is_valid(Instance::of(&value)) {
            return Ok(());
        }
        first.get_or_insert(value);
    }
    match first {
        Some(value) if is_valid_mixed(schema, value.clone()) => Ok(()),
        Some(value) => wrong(&value),
        None => Ok(()),
    }
}
