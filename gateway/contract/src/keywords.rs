//! The keywords of JSON Schema 2020-12 that have schemas in them.

use serde_json::{Map, Value};

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
