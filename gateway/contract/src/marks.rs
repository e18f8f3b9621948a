//! `readOnly` and `writeOnly`: which members a request or an answer need not have.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::lower::{DEEPEST, Variant};
use crate::source::Source;

/// Whether a document marks any member.
pub(crate) fn any(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(any),
        Value::Object(members) => {
            let marks = |(name, value): (&String, &Value)| matches!(name.as_str(), "readOnly" | "writeOnly") && *value == Value::Bool(true);
            members.iter().any(|member| marks(member) || any(member.1))
        }
        _ => false,
    }
}

/// Takes what is hidden out of what a lowered schema requires.
pub(crate) fn require_less(lowered: &mut Map<String, Value>, hidden: &BTreeSet<String>) {
    if let Some(Value::Array(names)) = lowered.get_mut("required") {
        names.retain(|name| name.as_str().is_none_or(|name| !hidden.contains(name)));
    }
}

/// Finds the marked members of one schema.
pub(crate) struct Marks<'s> {
    document: &'s Value,
    flag: &'static str,
    seen: BTreeSet<&'s str>,
}

impl<'s> Marks<'s> {
    pub(crate) fn new(source: &'s Source<'_>, variant: Variant) -> Self {
        Self { document: &source.raw, flag: variant.flag(), seen: BTreeSet::new() }
    }

    /// The names that this variant does not require: those marked in this object or in a branch of its `allOf`.
    pub(crate) fn collect(mut self, raw: &'s Value, hidden: &mut BTreeSet<String>) {
        self.walk(raw, hidden, 0);
    }

    fn walk(&mut self, raw: &'s Value, hidden: &mut BTreeSet<String>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        if let Some(properties) = raw.get("properties").and_then(Value::as_object) {
            let marked = properties.iter().filter(|(_, property)| self.is_marked(property));
            hidden.extend(marked.map(|(name, _)| name.clone()));
        }
        for branch in raw.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            match branch.get("$ref").and_then(Value::as_str) {
                Some(reference) if !self.seen.insert(reference) => {}
                Some(reference) => {
                    if let Some(target) = self.target(reference) {
                        self.walk(target, hidden, depth + 1);
                    }
                }
                None => self.walk(branch, hidden, depth + 1),
            }
        }
    }

    fn is_marked(&self, property: &'s Value) -> bool {
        let marked = |value: &Value| value.get(self.flag) == Some(&Value::Bool(true));
        let target = || property.get("$ref").and_then(Value::as_str).and_then(|reference| self.target(reference));
        marked(property) || target().is_some_and(marked)
    }

    /// Where a reference leads; one that leads nowhere is told where it is lowered.
    fn target(&self, reference: &str) -> Option<&'s Value> {
        self.document.pointer(reference.strip_prefix('#')?)
    }
}
