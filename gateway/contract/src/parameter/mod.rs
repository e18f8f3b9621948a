//! Path, query, header and cookie parameters: from text to typed values, held against their schemas.

pub(crate) mod decoded;
mod form;
mod kinds;
mod query;
mod record;
mod style;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use exchange::{Json, JsonLimits};
use http::HeaderMap;
use http::header::{COOKIE, HeaderName};

use crate::described::Location;
use crate::instance::Instance;
use crate::schemas::Schema;
use crate::violation::{MOST_VIOLATIONS, Names, Place, Violation, check};
use decoded::Decoded;
pub(crate) use form::Form;
pub(crate) use kinds::{Plan, Reading};
pub(crate) use query::{Pair, pairs};
use record::record;
pub(crate) use style::{Pieces, Shape, Style};
use style::{percent, plain, split};

/// A parameter compiled.
#[expect(clippy::struct_excessive_bools, reason = "they are the fields of OpenAPI's object")]
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Arc<str>,
    pub(crate) location: Location,
    /// The name as a header.
    pub(crate) header: Option<HeaderName>,
    pub(crate) required: bool,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    pub(crate) allow_empty: bool,
    pub(crate) allow_reserved: bool,
    pub(crate) deprecated: bool,
    /// What it may be, the likeliest first: it is valid as soon as it is valid as one of them.
    pub(crate) forms: Box<[Form]>,
    pub(crate) plan: Plan,
    pub(crate) schema: Option<Arc<Schema>>,
    /// What it is where it is left out, each of its texts.
    pub(crate) default: Box<[Box<str>]>,
    /// Of a query parameter whose members stand on their own there: the names of the others, which are not its members.
    pub(crate) siblings: Box<[Box<str>]>,
}

/// What a request says of its parameters.
pub(crate) struct Given<'r> {
    /// As received, percent-encoded.
    pub(crate) path: &'r [(Arc<str>, String)],
    pub(crate) query: &'r [Pair<'r>],
    pub(crate) headers: &'r HeaderMap,
    /// Whether several lines of a header are one value, as RFC 9110 §5.3 has it: not where somebody else might take one of them only.
    pub(crate) joins_lines: bool,
    pub(crate) names: &'r Names,
    pub(crate) limits: &'r JsonLimits,
}

/// A parameter as a request has it.
pub(crate) enum Found<'t> {
    /// Not at all.
    Absent,
    /// Without a value, which it may be.
    Empty,
    Pieces(Pieces<'t>),
}

/// A rule that a parameter breaks before it is a value.
pub(crate) type Broken = (&'static str, Cow<'static, str>);

pub(crate) const REPEATED: Broken = ("repeated", Cow::Borrowed("stands more than once"));
const STYLE: Broken = ("style", Cow::Borrowed("is not written in the style of the contract"));

impl Parameter {
    /// Adds what is wrong with this parameter to what was found before. Tells whether it is there.
    pub(crate) fn check(&self, given: &Given<'_>, found: &mut Vec<Violation>) -> bool {
        if found.len() >= MOST_VIOLATIONS {
            return true;
        }
        let mut wrong = Vec::new();
        for &form in &self.forms {
            let outcome = match self.found(form, given) {
                Ok(Found::Absent) => {
                    if self.required {
                        self.violation(("required", "is required".into()), found);
                    }
                    return false;
                }
                Ok(Found::Empty) => return true,
                Ok(Found::Pieces(pieces)) => self.valid(form, &pieces, given),
                Err(broken) => Err(vec![self.broken(broken)]),
            };
            match outcome {
                Ok(()) => return true,
                // As what it is likeliest to be meant, it is told what is wrong with it.
                Err(violations) if wrong.is_empty() => wrong = violations,
                Err(_) => {}
            }
        }
        let left = MOST_VIOLATIONS.saturating_sub(found.len());
        wrong.truncate(left);
        found.append(&mut wrong);
        true
    }

    fn place(&self, within: String) -> Place {
        Place::Parameter { location: self.location, name: self.name.clone(), within }
    }

    fn broken(&self, (keyword, message): Broken) -> Violation {
        Violation::new(self.place(String::new()), keyword, message)
    }

    fn violation(&self, broken: Broken, found: &mut Vec<Violation>) {
        found.push(self.broken(broken));
    }

    fn found<'r>(&self, form: Form, given: &Given<'r>) -> Result<Found<'r>, Broken> {
        match self.location {
            Location::Path => match given.path.iter().find(|(name, _)| *name == self.name) {
                Some((_, text)) => split(self.style, self.explode, form.shape(), &self.name, text, percent).map(Found::Pieces).ok_or(STYLE),
                None => Ok(Found::Absent),
            },
            Location::Query => self.in_query(form, given.query),
            Location::Header => self.in_headers(form, given),
            Location::Cookie => self.in_cookies(form, given.headers),
        }
    }

    fn in_headers<'r>(&self, form: Form, given: &Given<'r>) -> Result<Found<'r>, Broken> {
        let Some(name) = &self.header else { return Ok(Found::Absent) };
        let lines: Option<Vec<&str>> = given.headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
        let lines = lines.ok_or(("encoding", "holds characters that a header cannot".into()))?;
        match (lines.as_slice(), form.shape()) {
            ([], _) => Ok(Found::Absent),
            // Several lines are one list (RFC 9110 §5.3), and white space around its commas is nothing.
            (lines, Shape::List) => {
                let items = lines.iter().flat_map(|line| line.split(',')).map(|item| item.trim().into());
                Ok(Found::Pieces(Pieces::Many(items.filter(|item: &Cow<'_, str>| !item.is_empty()).collect())))
            }
            ([line], shape) => split(self.style, self.explode, shape, &self.name, line, plain).map(Found::Pieces).ok_or(STYLE),
            (lines, shape) if given.joins_lines => {
                let pieces = split(self.style, self.explode, shape, &self.name, &lines.join(", "), plain).map(Pieces::into_owned);
                pieces.map(Found::Pieces).ok_or(STYLE)
            }
            _ => Err(REPEATED),
        }
    }

    fn in_cookies<'r>(&self, form: Form, headers: &'r HeaderMap) -> Result<Found<'r>, Broken> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        // A cookie is what it is, where it was not percent-encoded.
        let decoded = |text: &'r str| percent(text).unwrap_or(text.into());
        if form.shape() == Shape::Record && self.explode {
            let is_own = |name: &str| self.plan.members.iter().any(|(known, _)| **known == *name);
            let members: Vec<_> = cookies.filter(|(name, _)| is_own(name)).map(|(name, value)| (name.into(), decoded(value))).collect();
            return Ok(if members.is_empty() { Found::Absent } else { Found::Pieces(Pieces::Pairs(members)) });
        }
        let own: Vec<&str> = cookies.filter(|(name, _)| *name == &*self.name).map(|(_, value)| value).collect();
        match (own.as_slice(), form.shape()) {
            ([], _) => Ok(Found::Absent),
            ([text], Shape::List) => {
                // Exploded, it is `name=a&name=b`, which in a cookie is one value.
                let ampersands = text
                    .split('&')
                    .enumerate()
                    .map(|(at, item)| if at == 0 { Some(item) } else { item.strip_prefix(&*self.name)?.strip_prefix('=') });
                let exploded = ampersands.collect::<Option<Vec<&str>>>().filter(|items| items.len() > 1);
                let items = exploded.unwrap_or_else(|| text.split(',').collect());
                Ok(Found::Pieces(Pieces::Many(items.into_iter().map(decoded).collect())))
            }
            (items, Shape::List) if self.explode => Ok(Found::Pieces(Pieces::Many(items.iter().map(|item| decoded(item)).collect()))),
            ([text], Shape::Scalar) => Ok(Found::Pieces(Pieces::One(decoded(text)))),
            ([text], Shape::Record) => split(Style::Form, false, Shape::Record, &self.name, text, percent).map(Found::Pieces).ok_or(STYLE),
            _ => Err(REPEATED),
        }
    }

    /// Holds what was found against the schema, as everything that it may be read as.
    fn valid(&self, form: Form, pieces: &Pieces<'_>, given: &Given<'_>) -> Result<(), Vec<Violation>> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let mut first = None;
        for &reading in self.plan.readings() {
            let value = self.read(form, pieces, reading, given.limits).map_err(|broken| vec![self.broken(broken)])?;
            if schema.validator.is_valid(Instance::of(&value)) {
                return Ok(());
            }
            first.get_or_insert(value);
        }
        let Some(value) = first else { return Ok(()) };
        check(schema, Instance::of(&value), value.bytes(), given.names, &|within| self.place(within))
    }

    pub(crate) fn read<'p>(
        &self,
        form: Form,
        pieces: &'p Pieces<'_>,
        reading: Reading,
        limits: &JsonLimits,
    ) -> Result<Decoded<'p>, Broken> {
        let plan = &self.plan;
        let json = |text: &str| {
            let json = Json::read(Bytes::copy_from_slice(text.as_bytes()), limits).map(Decoded::Json);
            json.map_err(|error| ("encoding", format!("is not readable as JSON: {}", error.kind).into()))
        };
        Ok(match pieces {
            Pieces::One(text) if form == Form::Json => json(text)?,
            Pieces::One(text) if form == Form::Opaque => Decoded::Text((&**text).into()),
            Pieces::One(text) => plan.read((&**text).into(), reading),
            Pieces::Many(items) if form == Form::JsonItems => Decoded::List(items.iter().map(|item| json(item)).collect::<Result<_, _>>()?),
            Pieces::Many(items) => Decoded::List(items.iter().map(|item| plan.items().read((&**item).into(), reading)).collect()),
            Pieces::Pairs(pairs) => {
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
                record(&pairs, plan, reading, self.style == Style::DeepObject)?
            }
        })
    }
}
