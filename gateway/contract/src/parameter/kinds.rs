//! What kinds of values a schema allows, as far as its types say: what a text is read as.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::decoded::Decoded;
use crate::lower::{Lowering, SchemaId, Variant};
use crate::references::named;

/// How deep alternatives are followed, and members of members.
const DEEPEST: usize = 32;

/// How many values within values of one parameter or body are looked at: a schema that contains itself has no end of them.
const MOST_PLANS: usize = 2000;

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

    pub(crate) fn has_scalars(self) -> bool {
        self.has(Self(Self::STRING.0 | Self::NUMBER.0 | Self::BOOL.0))
    }

    /// What several lowered schemas allow that all speak of one value, or of one value each time.
    pub(crate) fn of_all(schemas: &[&Value], view: View<'_>) -> Self {
        schemas.iter().map(|schema| Self::of(schema, view, 0)).fold(Self::NONE, Self::or)
    }

    /// Whether it may be anything.
    pub(crate) fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether it can only be a list.
    pub(crate) fn is_list(self) -> bool {
        self.has(Self::ARRAY) && !self.has_scalars() && !self.has(Self::OBJECT)
    }

    /// Whether it can only be an object.
    pub(crate) fn is_object(self) -> bool {
        self.has(Self::OBJECT) && !self.has_scalars() && !self.has(Self::ARRAY)
    }

    /// Whether a text of it may be read as more than one thing.
    pub(crate) fn may_be_several(self) -> bool {
        self != Self::ALL && self.has(Self::STRING) && (self.has(Self::NUMBER) || self.has(Self::BOOL))
    }

    /// A text as the value that is meant.
    pub(crate) fn read(self, text: Cow<'_, str>, reading: Reading) -> Decoded<'_> {
        let is_text = self == Self::ALL || (reading == Reading::Text && self.has(Self::STRING));
        match &*text {
            _ if is_text => Decoded::Text(text),
            number if self.has(Self::NUMBER) && is_number(number) => Decoded::Number(text),
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
                kinds = kinds.and(list(keywords, alternatives).map(inner).fold(Self::NONE, Self::or));
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

/// What a schema allows: its kinds, and those of what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) kinds: Kinds,
    /// Whether some text in it may be read as more than one thing.
    is_ambiguous: bool,
    /// Whether it is a file (`format: binary`).
    pub(crate) is_binary: bool,
    /// Whether its length is bounded.
    pub(crate) is_bounded: bool,
    /// Of a list's items.
    items: Option<Box<Plan>>,
    /// Of an object's members.
    pub(crate) members: Vec<(Box<str>, Plan)>,
    /// Of those that it does not name; `None` where there are to be no others.
    others: Option<Box<Plan>>,
}

impl Plan {
    /// Anything at all.
    pub(crate) const ANY: Self = Self {
        kinds: Kinds::ALL,
        is_ambiguous: false,
        is_binary: false,
        is_bounded: false,
        items: None,
        members: Vec::new(),
        others: None,
    };

    /// The same, to borrow.
    pub(crate) const ANYTHING: &'static Self = &Self::ANY;

    /// Whether it can only be a list.
    pub(crate) fn is_list(&self) -> bool {
        self.kinds.is_list()
    }

    pub(crate) fn may_be_list(&self) -> bool {
        self.kinds.has(Kinds::ARRAY)
    }

    /// Whether nothing is said of what it is.
    pub(crate) fn is_anything(&self) -> bool {
        self.kinds == Kinds::ALL
    }

    pub(crate) fn may_be_object(&self) -> bool {
        self.kinds.has(Kinds::OBJECT)
    }

    /// Whether it can only be an object.
    pub(crate) fn is_object(&self) -> bool {
        self.kinds.is_object()
    }

    /// What a lowered schema allows.
    pub(crate) fn of(schema: &Value, view: View<'_>) -> Self {
        Self::within(&[schema], view, 0, &Cell::new(MOST_PLANS))
    }

    /// What several schemas allow that all speak of one value, or of one value each time.
    fn within(schemas: &[&Value], view: View<'_>, depth: usize, left: &Cell<usize>) -> Self {
        let kinds = Kinds::of_all(schemas, view);
        let parts = Parts::of(schemas, view);
        let mut plan = Self { kinds, is_binary: parts.is_binary, is_bounded: parts.is_bounded, ..Self::ANY };
        // Deeper, no text is split any more.
        left.set(left.get().saturating_sub(1));
        if depth > 4 || left.get() == 0 || !(kinds.has(Kinds::ARRAY) || kinds.has(Kinds::OBJECT)) {
            plan.is_ambiguous = plan.may_be_several();
            return plan;
        }
        let inner = |schemas: &[&Value]| Self::within(schemas, view, depth + 1, left);
        plan.items = (!parts.items.is_empty()).then(|| Box::new(inner(&parts.items)));
        plan.members = parts.members.iter().map(|(name, schemas)| ((*name).into(), inner(schemas))).collect();
        plan.others = (!parts.is_closed).then(|| Box::new(if parts.others.is_empty() { Self::ANY } else { inner(&parts.others) }));
        plan.is_ambiguous = plan.may_be_several();
        plan
    }

    pub(crate) fn items(&self) -> &Self {
        self.items.as_deref().unwrap_or(Self::ANYTHING)
    }

    /// Of a member; `None` where it is not named and there are to be no others.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.members.iter().find(|(known, _)| **known == *name).map(|(_, plan)| plan).or(self.others.as_deref())
    }

    pub(crate) fn has_others(&self) -> bool {
        self.others.is_some()
    }

    /// As what the texts in it are to be read: in both ways, where one of them may be more than one thing.
    pub(crate) fn readings(&self) -> &'static [Reading] {
        if self.is_ambiguous { &[Reading::Typed, Reading::Text] } else { &[Reading::Typed] }
    }

    fn may_be_several(&self) -> bool {
        let inner = self.items.iter().chain(&self.others).map(|plan| &**plan).chain(self.members.iter().map(|(_, plan)| plan));
        self.kinds.may_be_several() || inner.into_iter().any(|plan| plan.is_ambiguous)
    }

    /// A text as the value that the schema means.
    pub(crate) fn read<'t>(&self, text: Cow<'t, str>, reading: Reading) -> Decoded<'t> {
        self.kinds.read(text, reading)
    }
}

/// The schemas of what is in a value, found in all that is said of it.
#[derive(Default)]
pub(crate) struct Parts<'v> {
    /// Of all items of a list.
    pub(crate) items: Vec<&'v Value>,
    /// Of those at its beginning each on its own, and of those behind them.
    pub(crate) first: Vec<Vec<&'v Value>>,
    pub(crate) rest: Vec<&'v Value>,
    pub(crate) members: Vec<(&'v str, Vec<&'v Value>)>,
    /// The members that have to be there.
    pub(crate) required: Vec<&'v str>,
    pub(crate) others: Vec<&'v Value>,
    is_closed: bool,
    is_binary: bool,
    is_bounded: bool,
}

impl<'v> Parts<'v> {
    /// What is said of the parts of a value by all of these schemas.
    pub(crate) fn of(schemas: &[&'v Value], view: View<'v>) -> Self {
        let mut parts = Self::default();
        let mut seen = HashSet::new();
        for schema in schemas {
            parts.collect(schema, view, &mut seen, (0, false));
        }
        parts
    }

    /// `is_branch`: of schemas of which not all need to hold.
    fn collect(&mut self, schema: &'v Value, view: View<'v>, seen: &mut HashSet<(SchemaId, bool)>, (depth, is_branch): (usize, bool)) {
        let Some(keywords) = schema.as_object().filter(|_| depth < DEEPEST) else { return };
        self.own(keywords, is_branch);
        if let Some(id) = View::target(keywords).filter(|id| seen.insert((*id, is_branch))) {
            self.collect(view.schema(id), view, seen, (depth + 1, is_branch));
        }
        for schema in list(keywords, "allOf") {
            self.collect(schema, view, seen, (depth + 1, is_branch));
        }
        let branches = ["anyOf", "oneOf"].into_iter().flat_map(|keyword| list(keywords, keyword));
        let branches = branches.chain(["then", "else"].into_iter().filter_map(|keyword| keywords.get(keyword)));
        let dependent = keywords.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values);
        for schema in branches.chain(dependent) {
            self.collect(schema, view, seen, (depth + 1, true));
        }
    }

    fn own(&mut self, keywords: &'v Map<String, Value>, is_branch: bool) {
        self.is_binary |= keywords.get("format").is_some_and(|format| format == "binary");
        self.is_bounded |= keywords.contains_key("maxLength") || keywords.contains_key("minLength");
        let items = keywords.get("items");
        list(keywords, "prefixItems").chain(items).for_each(|schema| add(&mut self.items, schema));
        if let Some(schema) = items {
            add(&mut self.rest, schema);
        }
        for (at, schema) in list(keywords, "prefixItems").enumerate() {
            if self.first.len() == at {
                self.first.push(Vec::new());
            }
            add(&mut self.first[at], schema);
        }
        if !is_branch {
            self.required.extend(list(keywords, "required").filter_map(Value::as_str));
        }
        for (name, schema) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
            match self.members.iter_mut().find(|(known, _)| known == name) {
                Some((_, schemas)) => add(schemas, schema),
                None => self.members.push((name, vec![schema])),
            }
        }
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            match keywords.get(keyword) {
                Some(Value::Bool(false)) => self.is_closed = true,
                others => others.into_iter().for_each(|schema| add(&mut self.others, schema)),
            }
        }
        let patterns = keywords.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values);
        patterns.for_each(|schema| add(&mut self.others, schema));
    }
}

/// A schema that is reached in several ways is one.
fn add<'v>(schemas: &mut Vec<&'v Value>, schema: &'v Value) {
    if !schemas.iter().any(|known| std::ptr::eq(*known, schema)) {
        schemas.push(schema);
    }
}

fn list<'v>(keywords: &'v Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'v Value> {
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
