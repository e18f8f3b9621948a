//! Lowered schemas as they are compiled.

use serde_json::{Map, Value};

use crate::definitions::SchemaId;
use crate::keywords::{change_each, each_in};
use crate::lower::{Lowering, Variant};
use crate::references::named;
use crate::{bounds, text};

/// How values are written: validators have no use for it.
const WRITTEN: &str = "xml";

/// A schema as it is compiled: patterns are as the engine reads them, what it says of texts is one keyword, and so is what it says of numbers;
/// schemas that speak of nothing but texts stand where they are referred to, so that nobody has to go there.
pub(crate) fn merged(lowering: &Lowering<'_, '_>, variant: Variant, id: SchemaId) -> Value {
    let mut merged = lowering.definitions[id].schema(variant).clone();
    put_in_place(lowering, variant, &mut merged);
    change_each(&mut merged, &mut |members| {
        translate_patterns(lowering, members);
        text::merge(members);
        bounds::merge(members);
    });
    merged
}

fn put_in_place(lowering: &Lowering<'_, '_>, variant: Variant, schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    members.remove(WRITTEN);
    let target = members.get("$ref").filter(|_| members.len() == 1).and_then(Value::as_str).and_then(named);
    if let Some(target) = target.map(|id| lowering.definitions[id].schema(variant)).filter(|target| is_of_texts(target)) {
        *schema = target.clone();
        if let Value::Object(members) = schema {
            members.remove(WRITTEN);
        }
        return;
    }
    each_in(members, &mut |inner| put_in_place(lowering, variant, inner));
}

fn translate_patterns(lowering: &Lowering<'_, '_>, members: &mut Map<String, Value>) {
    let translated = |pattern: &str| lowering.patterns.get(pattern).and_then(|translated| translated.as_deref().ok());
    if let Some(Value::String(pattern)) = members.get_mut("pattern")
        && let Some(translated) = translated(pattern)
    {
        *pattern = translated.to_owned();
    }
    if let Some(Value::Object(named)) = members.get_mut("patternProperties") {
        for (pattern, schema) in std::mem::take(named) {
            let mut translated = translated(&pattern).unwrap_or(&pattern).to_owned();
            // Two that are written differently may be read alike: an empty group changes nothing but the name.
            while named.contains_key(&translated) {
                translated.push_str("(?:)");
            }
            named.insert(translated, schema);
        }
    }
}

/// Whether a schema says nothing but what texts are.
fn is_of_texts(schema: &Value) -> bool {
    let is_of_texts = |keyword: &String| matches!(keyword.as_str(), "type" | "minLength" | "maxLength" | "pattern" | "format" | WRITTEN);
    schema.as_object().is_some_and(|members| members.keys().all(is_of_texts))
}
