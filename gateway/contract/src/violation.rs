//! What is wrong with a request or an answer: where, and which rule of the contract it breaks; never the value.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use exchange::Json;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::json::{Array as _, JsonNumber as _, Node as _, Object as _};
use serde_json::Value;

use crate::described::Location;
use crate::discriminator::{Discriminators, Meant};
use crate::instance::Instance;
use crate::schemas::Schema;
use crate::text;

/// How many violations are reported of one message.
pub(crate) const MOST_VIOLATIONS: usize = 10;

/// How many errors are looked at for that: several may be told as one.
const MOST_LOOKED_AT: usize = 256;

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
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(pointer) if pointer.is_empty() => f.write_str("body"),
            Self::Body(pointer) => write!(f, "body:{pointer}"),
            Self::Parameter { location, name, within } => write!(f, "{location}.{name}{within}"),
            Self::QueryString => f.write_str("query"),
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
}

impl Violation {
    pub(crate) fn new(place: Place, keyword: &'static str, message: impl Into<String>) -> Self {
        Self { place, keyword, message: message.into(), expected: None, found: None, received: None }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.message)
    }
}

/// What a contract speaks of, and may therefore be written into an error: the names of members, and the kinds that
/// discriminators tell apart.
#[derive(Debug, Default)]
pub(crate) struct Names {
    members: HashSet<Box<str>>,
    pub(crate) discriminators: Discriminators,
    /// Whether callers may be told their own values.
    pub(crate) tells_values: bool,
}

impl Names {
    pub(crate) fn insert(&mut self, name: &str) {
        if !self.members.contains(name) {
            self.members.insert(name.into());
        }
    }

    /// The pointer of a field of a form; the name of one that the contract does not know is not written.
    pub(crate) fn field(&self, name: &str) -> String {
        let token = name.replace('~', "~0").replace('/', "~1");
        format!("/{}", if self.members.contains(name) { &*token } else { "*" })
    }

    /// A pointer found while reading a text that is no JSON, so that there is nothing yet to tell an index from a name:
    /// only what can be an index of a text of bounded size passes as one.
    pub(crate) fn mask(&self, pointer: &str) -> String {
        let mut masked = String::new();
        for token in pointer.split('/').skip(1) {
            let name = unescaped(token);
            let index = token.len() <= 4 && token.bytes().all(|byte| byte.is_ascii_digit());
            push(&mut masked, if index || self.members.contains(name.as_str()) { token } else { "*" });
        }
        masked
    }

    /// The pointer of a value within one that was read.
    fn pointer(&self, root: Instance<'_>, location: &str) -> String {
        let mut pointer = String::new();
        let mut value = Some(root);
        for token in location.split('/').skip(1) {
            let name = unescaped(token);
            let is_index = value.is_some_and(|value| value.as_array().is_some());
            push(&mut pointer, if is_index || self.members.contains(name.as_str()) { token } else { "*" });
            value = value.and_then(|value| value.step(&name));
        }
        pointer
    }
}

fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(token);
}

/// Holds a body against its schema.
pub(crate) fn check_body(schema: &Schema, body: &Json, names: &Names) -> Result<(), Vec<Violation>> {
    check(schema, Instance::Value(body.root()), body.bytes().len(), names, &Place::Body)
}

/// Holds a value, made of so many bytes, against its schema; `place` says where one is that stands at a pointer into it.
pub(crate) fn check(
    schema: &Schema,
    value: Instance<'_>,
    bytes: usize,
    names: &Names,
    place: &dyn Fn(String) -> Place,
) -> Result<(), Vec<Violation>> {
    if schema.validator.is_valid(value) {
        return Ok(());
    }
    let mut told = Told { root: value, names, place, found: Vec::new() };
    match cost(schema, value, bytes) {
        Cost::All => schema.validator.iter_errors(value).take(MOST_LOOKED_AT).for_each(|error| told.tell(&error)),
        Cost::First => schema.validator.validate(value).err().iter().for_each(|error| told.tell(error)),
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

/// How many arrays and objects stand within each other; the reader has bounded it.
fn nesting(value: Instance<'_>) -> u32 {
    let items = value.as_array().into_iter().flat_map(|array| array.elements());
    let members = value.as_object().into_iter().flat_map(|object| object.members()).map(|(_, value)| value);
    items.chain(members).map(nesting).max().map_or(0, |inner| inner + 1)
}

/// The violations told so far of a value.
struct Told<'b> {
    root: Instance<'b>,
    names: &'b Names,
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
        let location = error.instance_path().as_str();
        match error.kind() {
            K::OneOfNotValid { context } | K::AnyOf { context } if self.tell_meant(error, context) => {}
            K::Required { property: Value::String(name) } => self.push(location, Some(name), required()),
            K::Custom { message, .. } => match message.split_once(' ') {
                Some(("required", name)) => self.push(location, Some(name), required()),
                _ => self.push(location, None, rule(error.kind())),
            },
            kind => self.push(location, None, rule(kind)),
        }
    }

    /// Of alternatives that a discriminator tells apart, only what is wrong with the one that was meant.
    fn tell_meant(&mut self, error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) -> bool {
        let keyword = error.absolute_keyword_location();
        let Some(discriminator) = keyword.and_then(|keyword| self.names.discriminators.at(keyword.as_str())) else { return false };
        let location = error.instance_path().as_str();
        let Some(value) = self.value(location).filter(|value| value.as_object().is_some()) else { return false };
        match discriminator.meant(value) {
            Meant::Alternative(at) => context.get(at).into_iter().flatten().for_each(|error| self.tell(error)),
            Meant::Unknown => {
                let allowed = discriminator.allowed();
                self.push(location, Some(&discriminator.property), Rule::new("discriminator", one_of(&allowed)).asks(allowed));
            }
            Meant::Untold => self.push(location, Some(&discriminator.property), required()),
        }
        true
    }

    /// The value at a location.
    fn value(&self, location: &str) -> Option<Instance<'_>> {
        location.split('/').skip(1).try_fold(self.root, |value, token| value.step(&unescaped(token)))
    }

    fn push(&mut self, location: &str, member: Option<&str>, Rule { keyword, message, expected }: Rule) {
        let mut pointer = self.names.pointer(self.root, location);
        if let Some(name) = member {
            push(&mut pointer, &name.replace('~', "~0").replace('/', "~1"));
        }
        let found = if keyword == "type" { self.value(location).map(kind) } else { None };
        // What is missing was not received.
        let is_told = self.names.tells_values && member.is_none();
        let received = if is_told { self.value(location).and_then(scalar) } else { None };
        let violation = Violation { place: (self.place)(pointer), keyword, message, expected, found, received };
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

/// A rule in words, and what it asks for.
pub(crate) struct Rule {
    keyword: &'static str,
    pub(crate) message: String,
    expected: Option<Value>,
}

impl Rule {
    fn new(keyword: &'static str, message: impl Into<String>) -> Self {
        Self { keyword, message: message.into(), expected: None }
    }

    fn asks(self, expected: impl Into<Value>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }
}

/// The rule in words. What stands in them comes from the contract; the names that the sender chose are only counted.
pub(crate) fn rule(kind: &ValidationErrorKind) -> Rule {
    use ValidationErrorKind as K;
    match kind {
        K::AdditionalItems { limit } => Rule::new("additionalItems", format!("has more than {limit} items")).asks(*limit as u64),
        K::AdditionalProperties { unexpected } => Rule::new(
            "additionalProperties",
            format!("has {}", counted(unexpected.len() as u64, "member that is not allowed", "members that are not allowed")),
        ),
        K::AnyOf { context } => Rule::new("anyOf", format!("matches none of the {} alternatives", context.len())),
        K::BacktrackLimitExceeded { .. } | K::RegexEngineFailure { .. } => Rule::new("pattern", "cannot be held against the pattern"),
        K::Constant { expected_value } => Rule::new("const", "is not the one allowed value").asks((**expected_value).clone()),
        K::Contains => Rule::new("contains", "has too few or too many items of the kind that is asked for"),
        K::ContentEncoding { content_encoding } => Rule::new("contentEncoding", format!("is not encoded as {content_encoding}")),
        K::FromUtf8 { .. } => Rule::new("contentEncoding", "does not hold UTF-8"),
        K::ContentMediaType { content_media_type } => Rule::new("contentMediaType", format!("does not hold {content_media_type}")),
        K::Custom { message, .. } => match text::told(message) {
            Some((keyword, asked)) => of_text(keyword, asked),
            None => Rule::new("custom", "breaks a rule of the contract"),
        },
        K::Enum { options } => Rule::new("enum", one_of(options)).asks((**options).clone()),
        K::ExclusiveMaximum { limit } => Rule::new("exclusiveMaximum", format!("is not less than {limit}")).asks(limit.clone()),
        K::ExclusiveMinimum { limit } => Rule::new("exclusiveMinimum", format!("is not greater than {limit}")).asks(limit.clone()),
        K::FalseSchema => Rule::new("false", "is not allowed here"),
        K::Format { format } => Rule::new("format", format!("is not of the format {format}")).asks(format.as_str()),
        K::MaxItems { limit } => Rule::new("maxItems", format!("has more than {}", counted(*limit, "item", "items"))).asks(*limit),
        K::Maximum { limit } => Rule::new("maximum", format!("is greater than {limit}")).asks(limit.clone()),
        K::MaxLength { limit } => {
            Rule::new("maxLength", format!("is longer than {}", counted(*limit, "character", "characters"))).asks(*limit)
        }
        K::MaxProperties { limit } => {
            Rule::new("maxProperties", format!("has more than {}", counted(*limit, "member", "members"))).asks(*limit)
        }
        K::MinItems { limit } => Rule::new("minItems", format!("has fewer than {}", counted(*limit, "item", "items"))).asks(*limit),
        K::Minimum { limit } => Rule::new("minimum", format!("is less than {limit}")).asks(limit.clone()),
        K::MinLength { limit } => {
            Rule::new("minLength", format!("is shorter than {}", counted(*limit, "character", "characters"))).asks(*limit)
        }
        K::MinProperties { limit } => {
            Rule::new("minProperties", format!("has fewer than {}", counted(*limit, "member", "members"))).asks(*limit)
        }
        K::MultipleOf { multiple_of } => Rule::new("multipleOf", format!("is not a multiple of {multiple_of}")).asks(*multiple_of),
        K::Not { .. } => Rule::new("not", "matches what is not allowed"),
        K::OneOfMultipleValid { .. } => Rule::new("oneOf", "matches more than one of the alternatives"),
        K::OneOfNotValid { context } => Rule::new("oneOf", format!("matches none of the {} alternatives", context.len())),
        K::Pattern { pattern } => Rule::new("pattern", format!("does not match the pattern {pattern}")).asks(pattern.as_str()),
        K::PropertyNames { .. } => Rule::new("propertyNames", "has a member whose name is not allowed"),
        K::Required { .. } => required(),
        K::Type { kind } => Rule::new("type", format!("is not {}", types(kind))).asks(types(kind)),
        K::UnevaluatedItems { unexpected } => Rule::new(
            "unevaluatedItems",
            format!("has {}", counted(unexpected.len() as u64, "item that is not allowed", "items that are not allowed")),
        ),
        K::UnevaluatedProperties { unexpected } => Rule::new(
            "unevaluatedProperties",
            format!("has {}", counted(unexpected.len() as u64, "member that is not allowed", "members that are not allowed")),
        ),
        K::UniqueItems => Rule::new("uniqueItems", "has the same item twice"),
        K::Referencing(_) => Rule::new("$ref", "cannot be held against the contract"),
    }
}

fn required() -> Rule {
    Rule::new("required", "is required")
}

/// A rule that [`text`] merged, in the words that it has by itself.
fn of_text(keyword: &str, asked: Value) -> Rule {
    use ValidationErrorKind as K;
    let limit = asked.as_u64().unwrap_or_default();
    match keyword {
        "maxLength" => rule(&K::MaxLength { limit }),
        "minLength" => rule(&K::MinLength { limit }),
        "pattern" => rule(&K::Pattern { pattern: asked.as_str().unwrap_or_default().to_owned() }),
        _ => Rule::new("type", "is not string").asks(asked),
    }
}

fn counted(count: u64, one: &str, more: &str) -> String {
    let word = if count == 1 { one } else { more };
    format!("{count} {word}")
}

/// Short lists are told, long ones are looked up in the document.
fn one_of(options: &Value) -> String {
    let list = options.as_array().map(|options| options.iter().map(Value::to_string).collect::<Vec<_>>().join(", "));
    match list {
        Some(list) if list.len() <= 120 => format!("is not one of the allowed values {list}"),
        _ => "is not one of the allowed values".into(),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => kind.to_string(),
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or "),
    }
}
