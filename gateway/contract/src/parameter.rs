//! Path, query, header and cookie parameters: from text to typed values, held against their schemas.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use exchange::{Json, JsonLimits};
use http::HeaderMap;
use http::header::{COOKIE, HeaderName};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::described::Location;
use crate::instance::Instance;
use crate::lower::{Lowering, Variant, named};
use crate::schemas::Schema;
use crate::violation::{MOST_VIOLATIONS, Names, Place, Violation, check_json_parameter, check_parameter};

/// A parameter compiled.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Arc<str>,
    pub(crate) location: Location,
    pub(crate) place: Place,
    /// The name as a header.
    pub(crate) header: Option<HeaderName>,
    pub(crate) required: bool,
    pub(crate) explode: bool,
    pub(crate) allow_empty: bool,
    pub(crate) form: Form,
    pub(crate) schema: Option<Arc<Schema>>,
}

/// How a parameter's text becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Scalar(Kinds),
    List(Kinds),
    /// `content` with a JSON media type.
    Json,
    /// `content` with another one.
    Opaque,
}

/// The kinds of values that a schema allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const STRING: Self = Self(1);
    pub(crate) const NUMBER: Self = Self(2);
    pub(crate) const BOOL: Self = Self(4);
    pub(crate) const NULL: Self = Self(8);
    pub(crate) const ARRAY: Self = Self(16);
    pub(crate) const OBJECT: Self = Self(32);
    pub(crate) const ALL: Self = Self(63);

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What a lowered schema allows, as far as its types say.
    pub(crate) fn of(schema: &Value, lowering: &Lowering<'_, '_>, depth: usize) -> Self {
        let Some(keywords) = schema.as_object().filter(|_| depth < 32) else { return Self::ALL };
        let inner = |schema: &Value| Self::of(schema, lowering, depth + 1);
        let mut kinds = match keywords.get("type") {
            Some(Value::String(kind)) => Self::named(kind),
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).map(Self::named).fold(Self::NONE, Self::or),
            _ => Self::ALL,
        };
        if let Some(Value::Array(values)) = keywords.get("enum") {
            kinds = kinds.and(values.iter().map(Self::of_value).fold(Self::NONE, Self::or));
        }
        if let Some(id) = keywords.get("$ref").and_then(Value::as_str).and_then(named) {
            kinds = kinds.and(inner(lowering.definitions[id].schema(Variant::Request)));
        }
        for schema in keywords.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            kinds = kinds.and(inner(schema));
        }
        for alternatives in ["anyOf", "oneOf"] {
            if let Some(Value::Array(schemas)) = keywords.get(alternatives) {
                kinds = kinds.and(schemas.iter().map(inner).fold(Self::NONE, Self::or));
            }
        }
        kinds
    }

    fn named(kind: &str) -> Self {
        match kind {
            "string" => Self::STRING,
            "integer" | "number" => Self::NUMBER,
            "boolean" => Self::BOOL,
            "null" => Self::NULL,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::NONE,
        }
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOL,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// A text as the value that the schema means. Where a schema names no type, it is text.
    fn read(self, text: &str) -> Instance<'_> {
        match text {
            _ if self == Self::ALL => Instance::Text(text),
            number if self.has(Self::NUMBER) && is_number(number) => Instance::Number(number),
            "true" | "false" if self.has(Self::BOOL) => Instance::Bool(text),
            text => Instance::Text(text),
        }
    }
}

/// RFC 8259 §6, and no longer than the JSON reader allows.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
    text.len() <= 64
        && digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

/// A pair of the query.
pub(crate) struct Pair<'q> {
    pub(crate) name: String,
    pub(crate) value: String,
    /// The value as received: a list is split at its commas before they are decoded.
    raw: &'q str,
}

/// Reads a query, `application/x-www-form-urlencoded`; `None` where a percent sequence decodes to nothing.
pub(crate) fn pairs(query: &str) -> Option<Vec<Pair<'_>>> {
    let pair = |text| {
        let (name, raw) = str::split_once(text, '=').unwrap_or((text, ""));
        Some(Pair { name: decoded(name)?.into_owned(), value: decoded(raw)?.into_owned(), raw })
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    let hex = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    if text.match_indices('%').any(|(at, _)| !hex(at + 1) || !hex(at + 2)) {
        return None;
    }
    if text.contains('+') {
        let text = text.replace('+', " ");
        return percent_decode_str(&text).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode_str(text).decode_utf8().ok()
}

/// What a request says of its parameters.
pub(crate) struct Given<'r> {
    pub(crate) path: &'r [(Arc<str>, String)],
    pub(crate) query: &'r [Pair<'r>],
    pub(crate) headers: &'r HeaderMap,
    pub(crate) names: &'r Names,
    pub(crate) limits: &'r JsonLimits,
}

impl Parameter {
    /// Adds what is wrong with this parameter to what was found before.
    pub(crate) fn check(&self, given: &Given<'_>, found: &mut Vec<Violation>) {
        if found.len() >= MOST_VIOLATIONS {
            return;
        }
        match self.location {
            Location::Path => match given.path.iter().find(|(name, _)| *name == self.name) {
                Some((_, value)) => self.text(value, value.split(','), given, found),
                None => self.missing(found),
            },
            Location::Query => self.query(given.query, given, found),
            Location::Header => self.header(given.headers, given, found),
            Location::Cookie => self.cookie(given.headers, given, found),
        }
    }

    fn missing(&self, found: &mut Vec<Violation>) {
        if self.required {
            self.violation("required", "is required", found);
        }
    }

    fn violation(&self, keyword: &'static str, message: &str, found: &mut Vec<Violation>) {
        found.push(Violation::new(self.place.clone(), keyword, message));
    }

    fn query(&self, pairs: &[Pair<'_>], given: &Given<'_>, found: &mut Vec<Violation>) {
        let mut own = pairs.iter().filter(|pair| pair.name == *self.name);
        let Some(first) = own.next() else { return self.missing(found) };
        if let Form::List(_) = self.form
            && self.explode
        {
            let items = std::iter::once(first).chain(own).map(|pair| pair.value.as_str());
            return self.text(&first.value, items, given, found);
        }
        // Two readers would pick different ones.
        if own.next().is_some() {
            return self.violation("repeated", "stands more than once", found);
        }
        if first.value.is_empty() && self.allow_empty {
            return;
        }
        // The whole value was decoded before, so its pieces decode too.
        let items: Vec<Cow<'_, str>> = match self.form {
            Form::List(_) if !first.raw.is_empty() => first.raw.split(',').filter_map(decoded).collect(),
            _ => Vec::new(),
        };
        self.text(&first.value, items.iter().map(AsRef::as_ref), given, found);
    }

    fn header(&self, headers: &HeaderMap, given: &Given<'_>, found: &mut Vec<Violation>) {
        let Some(name) = &self.header else { return };
        let lines: Option<Vec<&str>> = headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
        match lines.as_deref() {
            None => self.violation("encoding", "holds characters that a header cannot", found),
            Some([]) => self.missing(found),
            Some(lines @ [first, ..]) if matches!(self.form, Form::List(_)) => {
                let items = lines.iter().flat_map(|line| line.split(',')).map(str::trim);
                self.text(first, items, given, found);
            }
            Some([line]) => self.text(line, std::iter::empty(), given, found),
            Some(_) => self.violation("repeated", "stands more than once", found),
        }
    }

    fn cookie(&self, headers: &HeaderMap, given: &Given<'_>, found: &mut Vec<Violation>) {
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut own =
            lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == &*self.name);
        match (own.next(), own.next()) {
            (None, _) => self.missing(found),
            (Some((_, value)), None) => self.text(value, value.split(','), given, found),
            (Some(_), Some(_)) => self.violation("repeated", "stands more than once", found),
        }
    }

    fn text<'t>(&self, text: &str, items: impl Iterator<Item = &'t str>, given: &Given<'_>, found: &mut Vec<Violation>) {
        let Some(schema) = &self.schema else { return };
        match self.form {
            Form::Scalar(kinds) => check_parameter(schema, kinds.read(text), &self.place, found),
            Form::List(kinds) => {
                let items: Vec<Instance<'_>> = items.map(|item| kinds.read(item)).collect();
                check_parameter(schema, Instance::List(&items), &self.place, found);
            }
            Form::Json => match Json::read(Bytes::copy_from_slice(text.as_bytes()), given.limits) {
                Ok(json) => check_json_parameter(schema, &json, given.names, &self.place, found),
                Err(error) => self.violation("encoding", &format!("is not readable as JSON: {}", error.kind), found),
            },
            Form::Opaque => {}
        }
    }
}
