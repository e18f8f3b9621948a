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
pub(crate) use query::{Pair, is_of, pairs};
pub(crate) use record::grouped;
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
pub(crate) const STYLE: Broken = ("style", Cow::Borrowed("is not written in the style of the contract"));

impl Parameter {
    /// Adds what is wrong with this parameter to what was found before. Tells whether it is there.
    pub(crate) fn check(&self, given: &Given<'_>, found: &mut Vec<Violation>) -> bool {
        if found.len() >= MOST_VIOLATIONS {
            return true;
        }
        let (mut wrong, mut is_there) = (Vec::new(), false);
        for &form in &self.forms {
            let outcome = match self.found(form, given) {
                // It may be there as something else.
                Ok(Found::Absent) => continue,
                Ok(Found::Empty) => return true,
                Ok(Found::Pieces(pieces)) => self.valid(form, &pieces, given),
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
                self.violation(("required", "is required".into()), found);
            }
            return false;
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
        let lines: Option<Vec<&str>> = given.headers.get_all(name).iter().map(|value| str::from_utf8(value.as_bytes()).ok()).collect();
        let lines = lines.ok_or(("encoding", "is no text in UTF-8".into()))?;
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
        let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b';')).filter_map(cookie);
        let is_member = |name: &[u8]| self.plan.members.iter().any(|(known, _)| known.as_bytes() == name);
        let is_exploded = form.shape() == Shape::Record && self.explode;
        let mut own = Vec::new();
        for (name, value) in pairs {
            if is_exploded && is_member(name) {
                own.push((str::from_utf8(name).unwrap_or_default(), text(value)?));
            } else if !is_exploded && name == self.name.as_bytes() {
                own.push((&*self.name, text(value)?));
            } else if str::from_utf8(name).is_ok_and(|name| query::is_of(&self.name, name)) && name != self.name.as_bytes() {
                // Some read `name[x]` as the same.
                return Err(STYLE);
            }
        }
        // A cookie is what it is, where it was not percent-encoded.
        let decoded = |text: &'r str| percent(text).unwrap_or(text.into());
        if own.is_empty() {
            return Ok(Found::Absent);
        }
        if is_exploded {
            let members = own.into_iter().map(|(name, value)| (Cow::Owned(name.to_owned()), decoded(value)));
            return Ok(Found::Pieces(Pieces::Pairs(members.collect())));
        }
        let own: Vec<&str> = own.into_iter().map(|(_, value)| value).collect();
        match (own.as_slice(), form.shape()) {
            ([text], Shape::List) => {
                // Exploded, it is `name=a&name=b`, which in a cookie is one value.
                let ampersands = text.split('&').enumerate();
                let named = |item: &'r str| item.strip_prefix(&*self.name)?.strip_prefix('=');
                let items = ampersands.map(|(at, item)| if at == 0 { Some(item) } else { named(item) }).collect::<Option<Vec<&str>>>();
                let items = items.filter(|items| items.len() > 1).unwrap_or_else(|| text.split(',').collect());
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

/// Name and value of a cookie, without the white space around them and the quotation marks that a value may stand in (RFC 6265 §4.1.1).
fn cookie(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = pair.split_at_checked(pair.iter().position(|&byte| byte == b'=')?)?;
    let value = value.get(1..)?.trim_ascii();
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some((name.trim_ascii(), unquoted.unwrap_or(value)))
}

fn text(bytes: &[u8]) -> Result<&str, Broken> {
    str::from_utf8(bytes).map_err(|_| ("encoding", "is no text in UTF-8".into()))
}
