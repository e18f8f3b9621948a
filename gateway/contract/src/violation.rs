//! What is wrong with a request or an answer: where, and which rule of the contract it breaks; never the value.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use exchange::Json;
use exchange::json::{Kind, Node};
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use crate::discriminator::{Discriminators, Meant};
use crate::instance::Instance;
use crate::schemas::Schema;

/// How many violations are reported of one message.
pub(crate) const MOST_VIOLATIONS: usize = 10;

/// How many errors a check may come upon before they are cut to [`MOST_VIOLATIONS`]: beyond, finding them would cost more
/// than the sender should be able to spend, and the first or none is told instead.
const MOST_ERRORS: u64 = 1 << 16;

/// Where in a message something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A JSON pointer into the body; a member that the contract does not name is written `*`, because its name may itself
    /// be somebody's data.
    Body(String),
    /// A path parameter.
    Path(Arc<str>),
    /// A query parameter, and the position within it where it is a list.
    Query(Arc<str>),
    /// The query as a whole, or a parameter that the contract does not name.
    QueryString,
    /// A header.
    Header(Arc<str>),
    /// A cookie.
    Cookie(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(pointer) if pointer.is_empty() => f.write_str("body"),
            Self::Body(pointer) => write!(f, "body:{pointer}"),
            Self::Path(name) => write!(f, "path.{name}"),
            Self::Query(name) => write!(f, "query.{name}"),
            Self::QueryString => f.write_str("query"),
            Self::Header(name) => write!(f, "header.{name}"),
            Self::Cookie(name) => write!(f, "cookie.{name}"),
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
}

impl Violation {
    pub(crate) fn new(place: Place, keyword: &'static str, message: impl Into<String>) -> Self {
        Self { place, keyword, message: message.into() }
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
}

impl Names {
    pub(crate) fn insert(&mut self, name: &str) {
        if !self.members.contains(name) {
            self.members.insert(name.into());
        }
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

    /// The pointer of a value within a body that was read.
    fn pointer(&self, body: &Json, location: &str) -> String {
        let mut pointer = String::new();
        let mut node = Some(body.root());
        for token in location.split('/').skip(1) {
            let name = unescaped(token);
            let known = match node.map(Node::kind) {
                Some(Kind::Array) => true,
                _ => self.members.contains(name.as_str()),
            };
            push(&mut pointer, if known { token } else { "*" });
            node = node.and_then(|node| step(node, &name));
        }
        pointer
    }
}

fn step<'a>(node: Node<'a>, name: &str) -> Option<Node<'a>> {
    match node.kind() {
        Kind::Array => name.parse().ok().and_then(|at| node.items().nth(at)),
        _ => node.get(name),
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
    let root = Instance::Value(body.root());
    if schema.validator.is_valid(root) {
        return Ok(());
    }
    let mut told = Told { body, names, found: Vec::new() };
    match cost(schema, body) {
        Cost::All => schema.validator.iter_errors(root).for_each(|error| told.tell(&error)),
        Cost::First => schema.validator.validate(root).err().iter().for_each(|error| told.tell(error)),
        Cost::None => told.push("", None, ("schema", "does not match its schema, and is nested too deep to say where".into())),
    }
    Err(told.found)
}

/// What of a body's errors can be told at a bounded cost.
enum Cost {
    All,
    First,
    None,
}

fn cost(schema: &Schema, body: &Json) -> Cost {
    // A value has two characters at least, with the comma after it.
    let values = body.bytes().len() as u64 / 2;
    let growth = u64::from(schema.growth).saturating_pow(nesting(body.root()));
    match growth.saturating_mul(values) {
        0..=MOST_ERRORS => Cost::All,
        _ if growth == 1 => Cost::First,
        _ => Cost::None,
    }
}

/// How many arrays and objects stand within each other; the reader has bounded it.
fn nesting(node: Node<'_>) -> u32 {
    let inner = node.items().chain(node.members().map(|(_, value)| value)).map(nesting).max();
    inner.map_or(0, |inner| inner + 1)
}

/// The violations told so far of a body.
struct Told<'b> {
    body: &'b Json,
    names: &'b Names,
    found: Vec<Violation>,
}

impl Told<'_> {
    fn tell(&mut self, error: &ValidationError<'_>) {
        use ValidationErrorKind as K;
        let location = error.instance_path().as_str();
        match error.kind() {
            K::OneOfNotValid { context } | K::AnyOf { context } if self.tell_meant(error, context) => {}
            K::Required { property: Value::String(name) } => self.push(location, Some(name), rule(error.kind())),
            kind => self.push(location, None, rule(kind)),
        }
    }

    /// Of alternatives that a discriminator tells apart, only what is wrong with the one that was meant.
    fn tell_meant(&mut self, error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) -> bool {
        let keyword = error.absolute_keyword_location();
        let Some(discriminator) = keyword.and_then(|keyword| self.names.discriminators.at(keyword.as_str())) else { return false };
        let location = error.instance_path().as_str();
        let value = location.split('/').skip(1).try_fold(self.body.root(), |node, token| step(node, &unescaped(token)));
        let Some(value) = value.filter(|value| value.kind() == Kind::Object) else { return false };
        match discriminator.meant(value) {
            Meant::Alternative(at) => context.get(at).into_iter().flatten().for_each(|error| self.tell(error)),
            Meant::Unknown => self.push(location, Some(&discriminator.property), ("discriminator", allowed(&discriminator.allowed()))),
            Meant::Untold => self.push(location, Some(&discriminator.property), ("required", "is required".into())),
        }
        true
    }

    fn push(&mut self, location: &str, member: Option<&str>, (keyword, message): (&'static str, String)) {
        let mut pointer = self.names.pointer(self.body, location);
        if let Some(name) = member {
            push(&mut pointer, &name.replace('~', "~0").replace('/', "~1"));
        }
        let violation = Violation::new(Place::Body(pointer), keyword, message);
        // One rule may be reached in several ways.
        if self.found.len() < MOST_VIOLATIONS && !self.found.contains(&violation) {
            self.found.push(violation);
        }
    }
}

/// Holds a parameter against its schema.
pub(crate) fn check_parameter(schema: &Schema, value: Instance<'_>, place: &Place, found: &mut Vec<Violation>) {
    if schema.validator.is_valid(value) {
        return;
    }
    for error in schema.validator.iter_errors(value) {
        let (keyword, message) = rule(error.kind());
        let violation = Violation::new(place.clone(), keyword, message);
        if found.len() < MOST_VIOLATIONS && !found.contains(&violation) {
            found.push(violation);
        }
    }
}

/// Holds a parameter that is JSON against its schema. Where in it a rule is broken is not told.
pub(crate) fn check_json_parameter(schema: &Schema, value: &Json, names: &Names, place: &Place, found: &mut Vec<Violation>) {
    let broken = check_body(schema, value, names).err().into_iter().flatten();
    let left = MOST_VIOLATIONS.saturating_sub(found.len());
    found.extend(broken.take(left).map(|violation| Violation { place: place.clone(), ..violation }));
}

/// The rule in words. What stands in them comes from the contract; the names that the sender chose are only counted.
pub(crate) fn rule(kind: &ValidationErrorKind) -> (&'static str, String) {
    use ValidationErrorKind as K;
    match kind {
        K::AdditionalItems { limit } => ("additionalItems", format!("has more than {limit} items")),
        K::AdditionalProperties { unexpected } => (
            "additionalProperties",
            format!("has {}", counted(unexpected.len() as u64, "member that is not allowed", "members that are not allowed")),
        ),
        K::AnyOf { context } => ("anyOf", format!("matches none of the {} alternatives", context.len())),
        K::BacktrackLimitExceeded { .. } | K::RegexEngineFailure { .. } => ("pattern", "cannot be held against the pattern".into()),
        K::Constant { .. } => ("const", "is not the one allowed value".into()),
        K::Contains => ("contains", "has too few or too many items of the kind that is asked for".into()),
        K::ContentEncoding { content_encoding } => ("contentEncoding", format!("is not encoded as {content_encoding}")),
        K::FromUtf8 { .. } => ("contentEncoding", "does not hold UTF-8".into()),
        K::ContentMediaType { content_media_type } => ("contentMediaType", format!("does not hold {content_media_type}")),
        K::Custom { .. } => ("custom", "breaks a rule of the contract".into()),
        K::Enum { options } => ("enum", allowed(options)),
        K::ExclusiveMaximum { limit } => ("exclusiveMaximum", format!("is not less than {limit}")),
        K::ExclusiveMinimum { limit } => ("exclusiveMinimum", format!("is not greater than {limit}")),
        K::FalseSchema => ("false", "is not allowed here".into()),
        K::Format { format } => ("format", format!("is not of the format {format}")),
        K::MaxItems { limit } => ("maxItems", format!("has more than {}", counted(*limit, "item", "items"))),
        K::Maximum { limit } => ("maximum", format!("is greater than {limit}")),
        K::MaxLength { limit } => ("maxLength", format!("is longer than {}", counted(*limit, "character", "characters"))),
        K::MaxProperties { limit } => ("maxProperties", format!("has more than {}", counted(*limit, "member", "members"))),
        K::MinItems { limit } => ("minItems", format!("has fewer than {}", counted(*limit, "item", "items"))),
        K::Minimum { limit } => ("minimum", format!("is less than {limit}")),
        K::MinLength { limit } => ("minLength", format!("is shorter than {}", counted(*limit, "character", "characters"))),
        K::MinProperties { limit } => ("minProperties", format!("has fewer than {}", counted(*limit, "member", "members"))),
        K::MultipleOf { multiple_of } => ("multipleOf", format!("is not a multiple of {multiple_of}")),
        K::Not { .. } => ("not", "matches what is not allowed".into()),
        K::OneOfMultipleValid { .. } => ("oneOf", "matches more than one of the alternatives".into()),
        K::OneOfNotValid { context } => ("oneOf", format!("matches none of the {} alternatives", context.len())),
        K::Pattern { pattern } => ("pattern", format!("does not match the pattern {pattern}")),
        K::PropertyNames { .. } => ("propertyNames", "has a member whose name is not allowed".into()),
        K::Required { .. } => ("required", "is required".into()),
        K::Type { kind } => ("type", format!("is not {}", types(kind))),
        K::UnevaluatedItems { unexpected } => (
            "unevaluatedItems",
            format!("has {}", counted(unexpected.len() as u64, "item that is not allowed", "items that are not allowed")),
        ),
        K::UnevaluatedProperties { unexpected } => (
            "unevaluatedProperties",
            format!("has {}", counted(unexpected.len() as u64, "member that is not allowed", "members that are not allowed")),
        ),
        K::UniqueItems => ("uniqueItems", "has the same item twice".into()),
        K::Referencing(_) => ("$ref", "cannot be held against the contract".into()),
    }
}

fn counted(count: u64, one: &str, more: &str) -> String {
    let word = if count == 1 { one } else { more };
    format!("{count} {word}")
}

/// Short lists are told, long ones are looked up in the document.
fn allowed(options: &Value) -> String {
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
