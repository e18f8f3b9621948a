//! The keywords of JSON Schema 2020-12 that have schemas in them.

use serde_json::{Map, Value};

use crate::source::child;

/// Their value is one schema.
pub(crate) const ONE: [&str; 10] = [
    "not",
    "items",
    "additionalProperties",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Their value is a list of schemas.
pub(crate) const MANY: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Their value maps names to schemas.
pub(crate) const NAMED: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];
/// Likewise, of schemas that only references lead to.
pub(crate) const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
/// Their schemas hold the same value as other schemas do.
pub(crate) const BESIDE: [&str; 8] = ["allOf", "anyOf", "oneOf", "if", "then", "else", "patternProperties", "dependentSchemas"];

/// The pointers, into a schema, of those in it that may hold the same value as it does.
pub(crate) fn of_same_value(schema: &Value) -> Vec<String> {
    let list = |keyword: &'static str| {
        let count = schema.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
        (0..count).map(move |n| format!("/{keyword}/{n}"))
    };
    let branches = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(list);
    let outcomes = ["then", "else"].into_iter().filter(|keyword| schema.get(keyword).is_some()).map(|keyword| format!("/{keyword}"));
    let dependent = schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flatten();
    branches.chain(outcomes).chain(dependent.map(|(name, _)| child("/dependentSchemas", name))).collect()
}

/// Each schema right within a lowered one.
pub(crate) fn each_in(schema: &mut Map<String, Value>, each: &mut dyn FnMut(&mut Value)) {
    for (keyword, value) in schema {
        match value {
            value if ONE.contains(&keyword.as_str()) => each(value),
            Value::Array(items) if MANY.contains(&keyword.as_str()) => items.iter_mut().for_each(&mut *each),
            Value::Object(named) if NAMED.contains(&keyword.as_str()) => named.values_mut().for_each(&mut *each),
            _ => {}
        }
    }
}

/// Changes a lowered schema and each that is in it, the innermost first.
pub(crate) fn change_each(schema: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    if let Value::Object(members) = schema {
        each_in(members, &mut |inner| change_each(inner, change));
        change(members);
    }
}

/// Puts some keywords of a schema, each with what it says, under one of ours.
pub(crate) fn put_under(members: &mut Map<String, Value>, ours: &str, keywords: &[&str]) {
    let put: Map<String, Value> = keywords.iter().filter_map(|keyword| Some(((*keyword).to_owned(), members.remove(*keyword)?))).collect();
    members.insert(ours.to_owned(), Value::Object(put));
}
