//! What is wrong with a request or an answer: where, and which rule of the contract it breaks; never the value, unless its sender is to be
//! told (`tell_values`).

use std::fmt;
use std::sync::Arc;

use document::{escaped, unescaped};
use exchange::Json;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use jsonschema::json::{Array as _, JsonNumber as _, Node as _, Object as _};
use serde_json::{Map, Value};

use crate::contract::Terms;
use crate::described::Location;
use crate::discriminator::Meant;
use crate::instance::Instance;
use crate::names::{is_numeral, push};
use crate::own;
use crate::parameter::decoded::Decoded;
use crate::rule::{self, Rule};
use crate::schemas::{Schema, location};

/// How many violations are reported of one message.
pub(crate) const MOST_VIOLATIONS: usize = 10;

/// How many errors are looked at for that: several may be told as one.
pub(crate) const MOST_LOOKED_AT: usize = 256;

/// How many errors a check may come upon before they are cut to [`MOST_VIOLATIONS`]: beyond, finding them would cost more
/// than the sender should be able to spend, and the first or none is told instead.
const MOST_ERRORS: u64 = 1 << 16;

/// Where in a message something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A JSON pointer into the body; a member that the contract does not name is written `*`, because its name may itself
    /// be somebody's data.
    Body(String),
    /// A parameter, and a pointer into it where it is a list or an object.
    Parameter {
        /// Where it stands.
        location: Location,
        /// Its name in the contract.
        name: Arc<str>,
        /// What of it; nothing of all of it.
        within: String,
    },
    /// The query as a whole, or a parameter that the contract does not name.
    QueryString,
    /// A JSON pointer into a query that is one value (`in: querystring`).
    WholeQuery(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(pointer) if pointer.is_empty() => f.write_str("body"),
            Self::Body(pointer) => write!(f, "body:{pointer}"),
            Self::Parameter { location, name, within } => write!(f, "{location}.{name}{within}"),
            Self::QueryString => f.write_str("query"),
            Self::WholeQuery(pointer) if pointer.is_empty() => f.write_str("querystring"),
            Self::WholeQuery(pointer) => write!(f, "querystring:{pointer}"),
        }
    }
}

/// One rule of the contract that a message breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub place: Place,
    /// The keyword of the rule, stable for machines: one of JSON Schema's, or `encoding`, `repeated`, `unknown`.
    pub keyword: &'static str,
    /// The rule in words, with the contract's own bounds: `is longer than 30 characters`.
    pub message: String,
    /// What the contract asks for there, as it writes it: a bound, a pattern, the allowed values.
    pub expected: Option<Value>,
    /// The kind of value that came where another is asked for.
    pub found: Option<&'static str>,
    /// The scalar that came, cut short, where the e-service lets its callers be told (`tell_values`): for them, and for nobody's records.
    pub received: Option<String>,
    /// The tokens of the place, counted from 1, that are names of members and read like positions: `2024` in an object of numerals.
    pub(crate) numerals: Vec<usize>,
}

impl Violation {
    pub(crate) fn new(place: Place, keyword: &'static str, message: impl Into<String>) -> Self {
        Self { place, keyword, message: message.into(), expected: None, found: None, received: None, numerals: Vec::new() }
    }

    /// As problem details and reports list it: what is not known is left out.
    pub fn to_json(&self) -> Value {
        let mut told = Map::from_iter([
            ("place".to_owned(), self.place.to_string().into()),
            ("rule".to_owned(), self.keyword.into()),
            ("message".to_owned(), self.message.as_str().into()),
        ]);
        told.extend(self.expected.clone().map(|expected| ("expected".to_owned(), expected)));
        told.extend(self.received.as_deref().map(|received| ("received".to_owned(), received.into())));
        told.into()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.message)
    }
}

/// Holds a body against its schema.
pub(crate) fn check_body(schema: &Schema, body: &Json, terms: Terms<'_>) -> Result<(), Vec<Violation>> {
    check(schema, Instance::Value(body.root()), body.bytes().len(), terms, &Place::Body)
}

/// Holds a value, made of so many bytes, against its schema; `place` says where one is that stands at a pointer into it.
pub(crate) fn check(
    schema: &Schema,
    value: Instance<'_>,
    bytes: usize,
    terms: Terms<'_>,
    place: &dyn Fn(String) -> Place,
) -> Result<(), Vec<Violation>> {
    if schema.is_valid(value) {
        return Ok(());
    }
    let mut told = Told { root: value, terms, place, found: Vec::new() };
    match cost(schema, value, bytes) {
        Cost::All => schema.each_error(value, MOST_LOOKED_AT, |error| told.tell(error)),
        Cost::First => schema.each_error(value, 1, |error| told.tell(error)),
        Cost::None => told.push("", None, Rule::new("schema", "does not match its schema, and is nested too deep to say where")),
    }
    Err(told.found)
}

/// What of a value's errors can be told at a bounded cost.
enum Cost {
    All,
    First,
    None,
}

fn cost(schema: &Schema, value: Instance<'_>, bytes: usize) -> Cost {
    // A value has two characters at least, with the comma after it.
    let values = bytes as u64 / 2;
    let growth = u64::from(schema.growth).saturating_pow(nesting(value));
    match growth.saturating_mul(values).saturating_mul(schema.ways) {
        0..=MOST_ERRORS => Cost::All,
        _ if growth == 1 => Cost::First,
        _ => Cost::None,
    }
}

/// Whether all errors of a value may be asked for.
pub(crate) fn is_cheap(schema: &Schema, value: Instance<'_>, bytes: usize) -> bool {
    matches!(cost(schema, value, bytes), Cost::All)
}

/// How many arrays and objects stand within each other; the reader has bounded it.
fn nesting(value: Instance<'_>) -> u32 {
    let items = value.as_array().into_iter().flat_map(|array| array.elements());
    let members = value.as_object().into_iter().flat_map(|object| object.members()).map(|(_, value)| value);
    items.chain(members).map(nesting).max().map_or(0, |inner| inner + 1)
}

/// The violations told so far of a value.
struct Told<'b> {
    root: Instance<'b>,
    terms: Terms<'b>,
    place: &'b dyn Fn(String) -> Place,
    found: Vec<Violation>,
}

impl Told<'_> {
    fn tell(&mut self, error: &ValidationError<'_>) {
        use ValidationErrorKind as K;
        // Where it is would be looked for in vain.
        if self.found.len() >= MOST_VIOLATIONS {
            return;
        }
        let location = location(error);
        match error.kind() {
            K::OneOfNotValid { context } | K::AnyOf { context } if self.tell_meant(error, context) => {}
            K::Required { property: Value::String(name) } => self.push(location, Some(name), rule::required()),
            K::Custom { message, .. } => match own::told(message) {
                Some((own::REQUIRED, name)) => self.push(location, Some(name), rule::required()),
                Some((own::PATTERN, pattern)) => self.tell_pattern(location, pattern),
                Some((keyword, asked)) => self.push(location, None, rule::of_own(keyword, asked)),
                None => self.push(location, None, rule::of(error.kind())),
            },
            K::Pattern { pattern } => self.tell_pattern(location, pattern),
            // Where no member is named at all, none is allowed.
            K::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
                let count = self.value(location).and_then(|value| value.as_object()).map_or(0, |object| object.len());
                self.push(location, None, rule::unexpected_members(count as u64));
            }
            kind => self.push(location, None, rule::of(kind)),
        }
    }

    fn tell_pattern(&mut self, location: &str, pattern: &str) {
        let written = self.terms.names.pattern(pattern);
        self.push(location, None, rule::of_pattern(written));
    }

    /// Of alternatives that a discriminator tells apart, only what is wrong with the one that was meant.
    fn tell_meant(&mut self, error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) -> bool {
        let keyword = error.absolute_keyword_location();
        let Some(discriminator) = keyword.and_then(|keyword| self.terms.names.discriminators.at(keyword.as_str())) else { return false };
        let location = location(error);
        let Some(value) = self.value(location).filter(|value| value.as_object().is_some()) else { return false };
        match discriminator.meant(value) {
            Meant::Alternative(at) => context.get(at).into_iter().flatten().for_each(|error| self.tell(error)),
            Meant::Unknown => {
                let allowed = discriminator.allowed();
                self.push(location, Some(&discriminator.property), Rule::new("discriminator", rule::one_of(&allowed)).asks(allowed));
            }
            Meant::Untold => self.push(location, Some(&discriminator.property), rule::required()),
        }
        true
    }

    /// The value at a location.
    fn value(&self, location: &str) -> Option<Instance<'_>> {
        location.split('/').skip(1).try_fold(self.root, |value, token| value.step(&unescaped(token)))
    }

    fn push(&mut self, location: &str, member: Option<&str>, Rule { keyword, message, expected }: Rule) {
        let (mut pointer, mut numerals) = self.terms.names.pointer(self.root, location);
        if let Some(name) = member {
            if is_numeral(name) {
                numerals.push(location.split('/').count());
            }
            push(&mut pointer, &escaped(name));
        }
        let found = if keyword == "type" { self.value(location).map(kind) } else { None };
        // What is missing was not received.
        let is_told = self.terms.tells_values && member.is_none();
        let received = if is_told { self.value(location).and_then(scalar) } else { None };
        let violation = Violation { place: (self.place)(pointer), keyword, message, expected, found, received, numerals };
        // One rule may be reached in several ways.
        if self.found.len() < MOST_VIOLATIONS && !self.found.contains(&violation) {
            self.found.push(violation);
        }
    }
}

/// The most characters of a value that are told.
const MOST_TOLD: usize = 100;

/// A scalar as text, cut short.
fn scalar(value: Instance<'_>) -> Option<String> {
    let text = match (value.as_string(), value.as_number(), value.as_boolean()) {
        _ if matches!(value, Instance::Decoded(Decoded::File(_))) => return None,
        (Some(text), ..) => text.chars().take(MOST_TOLD).collect(),
        (_, Some(number), _) => number.as_str().chars().take(MOST_TOLD).collect(),
        (.., Some(boolean)) => boolean.to_string(),
        _ if value.is_null() => "null".to_owned(),
        _ => return None,
    };
    Some(text)
}

/// What JSON Schema calls a value of this kind.
fn kind(value: Instance<'_>) -> &'static str {
    match () {
        () if value.is_null() => "null",
        () if value.as_boolean().is_some() => "boolean",
        () if value.as_string().is_some() => "string",
        () if value.as_array().is_some() => "array",
        () if value.as_object().is_some() => "object",
        () if value.as_number().is_some_and(|number| number.is_integer()) => "integer",
        () => "number",
    }
}
