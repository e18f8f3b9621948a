//! What kinds of values a schema allows, as far as its types say: what a text is read as.

use std::borrow::Cow;

use exchange::json::Kind;
use serde_json::{Map, Value};

use super::decoded::Decoded;
use crate::decimal::is_number;
use crate::definitions::SchemaId;
use crate::lower::{Lowering, Variant};
use crate::references::named;

/// How deep alternatives are followed, and members of members.
pub(super) const DEEPEST: usize = 32;

/// No number is longer, as the JSON reader has it.
const MOST_DIGITS: usize = 64;

/// The lowered schemas, as requests or answers have them.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    pub(crate) lowering: &'v Lowering<'v, 'v>,
    pub(crate) variant: Variant,
}

impl<'v> View<'v> {
    /// A schema by its name.
    pub(crate) fn schema(self, id: SchemaId) -> &'v Value {
        self.lowering.definitions[id].schema(self.variant)
    }

    /// The definition that a schema refers to.
    pub(crate) fn target(keywords: &Map<String, Value>) -> Option<SchemaId> {
        keywords.get("$ref").and_then(Value::as_str).and_then(named)
    }

    /// The kinds of a definition. Each is found once: one that is on the way to itself may be anything.
    fn kinds(self, id: SchemaId, depth: usize) -> Kinds {
        let key = (self.variant, id);
        if let Some(known) = self.lowering.kinds.borrow().get(&key) {
            return *known;
        }
        self.lowering.kinds.borrow_mut().insert(key, Kinds::ALL);
        let kinds = Kinds::of(self.schema(id), self, depth);
        self.lowering.kinds.borrow_mut().insert(key, kinds);
        kinds
    }
}

/// A schema that speaks of a value.
#[derive(Clone, Copy)]
pub(crate) struct Spoken<'v> {
    pub(crate) schema: &'v Value,
    /// Whether it is one of several of which not all need hold.
    pub(crate) is_branch: bool,
}

impl<'v> Spoken<'v> {
    /// One that has to hold.
    pub(crate) fn alone(schema: &'v Value) -> Self {
        Self { schema, is_branch: false }
    }
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
    /// What a text may look like.
    const NO_TEXT: Self = Self(Self::NUMBER.0 | Self::BOOL.0);
    /// Where no type is named at all.
    pub(crate) const ALL: Self = Self(63);
    /// All of them, where some schema names a type and another may hold instead.
    const ANY_OF: Self = Self(64 + 63);

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every value is a text, a number, true or false, or nothing.
    pub(crate) fn is_scalar(self) -> bool {
        self.has_scalars() && !self.has(Self::OBJECT) && !self.has(Self::ARRAY)
    }

    pub(crate) fn has_scalars(self) -> bool {
        self.has(Self(Self::STRING.0 | Self::NUMBER.0 | Self::BOOL.0))
    }

    /// What several lowered schemas allow that all speak of one value.
    pub(crate) fn of_all(schemas: &[Spoken<'_>], view: View<'_>) -> Self {
        let of = |is_branch: bool| {
            let own = schemas.iter().filter(move |spoken| spoken.is_branch == is_branch);
            own.map(|spoken| Self::of(spoken.schema, view, 0))
        };
        let all = of(false).fold(Self::ALL, Self::and);
        if schemas.iter().any(|spoken| spoken.is_branch) { all.and(Self::one_of(of(true))) } else { all }
    }

    /// What alternatives allow. One that names no type lets everything pass, and yet others may say what a text is likely to be.
    fn one_of(alternatives: impl Iterator<Item = Self>) -> Self {
        let kinds: Vec<Self> = alternatives.collect();
        let is_open = kinds.iter().any(|kinds| kinds.is_open());
        let is_hinted = kinds.iter().any(|kinds| *kinds != Self::ALL && kinds.has(Self::NO_TEXT));
        match (is_open, is_hinted) {
            (true, true) => Self::ANY_OF,
            (true, false) => Self::ALL,
            (false, _) => kinds.into_iter().fold(Self::NONE, Self::or),
        }
    }

    /// Whether it may be anything.
    pub(crate) fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether some schema lets everything pass: then nobody has said that it may be a list or an object.
    pub(crate) fn is_open(self) -> bool {
        self == Self::ALL || self == Self::ANY_OF
    }

    /// Whether it can only be a list.
    pub(crate) fn is_list(self) -> bool {
        self.has(Self::ARRAY) && !self.has_scalars() && !self.has(Self::OBJECT)
    }

    /// Whether it can only be an object.
    pub(crate) fn is_object(self) -> bool {
        self.has(Self::OBJECT) && !self.has_scalars() && !self.has(Self::ARRAY)
    }

    /// Whether a value is of one of these kinds.
    pub(crate) fn takes(self, value: &Decoded<'_>) -> bool {
        let kind = match value {
            Decoded::Text(_) | Decoded::File(_) => Self::STRING,
            Decoded::Number(_) => Self::NUMBER,
            Decoded::Bool(_) => Self::BOOL,
            Decoded::Null => Self::NULL,
            Decoded::List(_) => Self::ARRAY,
            Decoded::Record(_) => Self::OBJECT,
            Decoded::Json(json) => Self::of_json(json.root().kind()),
        };
        self.has(kind)
    }

    fn of_json(kind: Kind) -> Self {
        match kind {
            Kind::Null => Self::NULL,
            Kind::Bool => Self::BOOL,
            Kind::Number => Self::NUMBER,
            Kind::String => Self::STRING,
            Kind::Array => Self::ARRAY,
            Kind::Object => Self::OBJECT,
        }
    }

    /// A text as the value that is meant.
    pub(crate) fn read(self, text: Cow<'_, str>, reading: Reading) -> Decoded<'_> {
        let is_text = self == Self::ALL || (reading == Reading::Text && self.has(Self::STRING));
        match &*text {
            _ if is_text => Decoded::Text(text),
            number if self.has(Self::NUMBER) && number.len() <= MOST_DIGITS && is_number(number) => Decoded::Number(text),
            "true" if self.has(Self::BOOL) => Decoded::Bool(true),
            "false" if self.has(Self::BOOL) => Decoded::Bool(false),
            _ => Decoded::Text(text),
        }
    }

    /// What a lowered schema allows, as far as its types say.
    fn of(schema: &Value, view: View<'_>, depth: usize) -> Self {
        if *schema == Value::Bool(false) {
            return Self::NONE;
        }
        let Some(keywords) = schema.as_object().filter(|_| depth < DEEPEST) else { return Self::ALL };
        let inner = |schema: &Value| Self::of(schema, view, depth + 1);
        let mut kinds = match keywords.get("type") {
            Some(Value::String(kind)) => Self::named(kind),
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).map(Self::named).fold(Self::NONE, Self::or),
            // What speaks of members, or of items, and of nothing else means what has them.
            _ => match (keywords.keys().any(|keyword| is_of_objects(keyword)), keywords.keys().any(|keyword| is_of_arrays(keyword))) {
                (true, false) => Self::OBJECT,
                (false, true) => Self::ARRAY,
                _ => Self::ALL,
            },
        };
        if let Some(Value::Array(values)) = keywords.get("enum") {
            kinds = kinds.and(values.iter().map(Self::of_value).fold(Self::NONE, Self::or));
        }
        kinds = keywords.get("const").map_or(kinds, |value| kinds.and(Self::of_value(value)));
        kinds = View::target(keywords).map_or(kinds, |id| kinds.and(view.kinds(id, depth + 1)));
        for schema in list(keywords, "allOf") {
            kinds = kinds.and(inner(schema));
        }
        for alternatives in ["anyOf", "oneOf"] {
            if keywords.get(alternatives).is_some_and(Value::is_array) {
                kinds = kinds.and(Self::one_of(list(keywords, alternatives).map(inner)));
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

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What names no type takes nothing away, and nothing of what others name.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::ALL, kinds) | (kinds, Self::ALL) => kinds,
            (one, other) => Self(one.0 & other.0),
        }
    }
}

/// As what a text that may be several things is read: a number or a boolean if it looks like one, and then text. Where no type is named at
/// all it is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As what it looks like.
    Typed,
    /// As text.
    Text,
}

/// The schemas, or values, that a keyword lists.
pub(super) fn list<'v>(keywords: &'v Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'v Value> {
    keywords.get(keyword).and_then(Value::as_array).into_iter().flatten()
}

fn is_of_objects(keyword: &str) -> bool {
    matches!(
        keyword,
        "properties" | "additionalProperties" | "patternProperties" | "required" | "minProperties" | "maxProperties" | "propertyNames"
    )
}

fn is_of_arrays(keyword: &str) -> bool {
    matches!(keyword, "items" | "prefixItems" | "minItems" | "maxItems" | "uniqueItems" | "contains")
}
