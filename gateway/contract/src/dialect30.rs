//! The Schema Objects of OpenAPI 3.0, where they are no JSON Schema.

use serde_json::{Map, Value, json};

use crate::digits;
use crate::keywords::{MANY, NAMED, ONE};
use crate::lower::{Lowering, PLAIN};
use crate::source::child;

impl Lowering<'_, '_> {
    /// What stands beside a reference is not looked at (OpenAPI 3.0.3 §4.7.23).
    pub(crate) fn warn_of_siblings(&self, members: &Map<String, Value>, at: &str) {
        let constrains = |name: &&String| {
            name.as_str() == "nullable" || [&ONE[..], &MANY, &NAMED, &PLAIN].iter().any(|list| list.contains(&name.as_str()))
        };
        if let Some(name) = members.keys().find(constrains).filter(|_| self.first_time()) {
            let hint = "put the reference into `allOf`, beside the other keywords";
            self.source.warning(&child(at, name), format!("`{name}` beside `$ref` has no effect in OpenAPI 3.0"), hint);
        }
    }

    /// What is written as JSON Schema has it since, and means nothing in OpenAPI 3.0, or something else.
    fn check_dialect_of_30(&self, members: &Map<String, Value>, at: &str) {
        let told = |keyword: &str, message: &str, hint: &str| self.source.error_with_hint(&child(at, keyword), message, hint);
        match members.get("type") {
            Some(Value::Array(_)) => {
                told("type", "`type` is one type in OpenAPI 3.0", "write `nullable: true`, or alternatives under `anyOf`");
            }
            Some(Value::String(kind)) if kind == "null" => told("type", "there is no type `null` in OpenAPI 3.0", "write `nullable: true`"),
            _ => {}
        }
        if members.get("type").is_some_and(|kind| kind == "array") && !members.contains_key("items") {
            self.source.warning(at, "a list needs `items` in OpenAPI 3.0", "write `items: {}` where they may be anything");
        }
        if members.get("nullable").is_some_and(|nullable| !nullable.is_boolean()) {
            told("nullable", "`nullable` should be true or false", "write it without quotation marks");
        }
        for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            if members.get(exclusive).is_some_and(|exclusive| !exclusive.is_boolean()) {
                let message = format!("`{exclusive}` should be true or false in OpenAPI 3.0");
                told(exclusive, &message, &format!("write `{bound}` with the number, and `{exclusive}: true`"));
            }
        }
    }

    /// `nullable` and the boolean exclusive bounds (OpenAPI 3.0.3 §4.7.24).
    pub(crate) fn dialect_of_30(&self, members: &Map<String, Value>, at: &str, lowered: &mut Map<String, Value>) {
        if self.first_time() {
            self.check_dialect_of_30(members, at);
        }
        if members.get("nullable") == Some(&Value::Bool(true)) {
            match lowered.get_mut("type") {
                Some(kind @ Value::String(_)) => *kind = json!([kind.take(), "null"]),
                // Clarified in 3.0.3: without a `type` beside it, `nullable` neither allows nor forbids anything.
                None if self.first_time() => {
                    let hint = "write the `type` beside it, or an `anyOf` with a schema that is nullable";
                    self.source.warning(&child(at, "nullable"), "`nullable` has no effect without a `type` beside it", hint);
                }
                Some(_) | None => {}
            }
        }
        for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            if let Some(&Value::Bool(set)) = lowered.get(exclusive) {
                lowered.remove(exclusive);
                if let Some(limit) = set.then(|| lowered.remove(bound)).flatten() {
                    lowered.insert(exclusive.into(), limit);
                    digits::rename(lowered, bound, exclusive);
                }
            }
        }
    }
}
