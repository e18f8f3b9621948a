//! `readOnly` and `writeOnly`: which members a request or an answer need not have.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::lower::{DEEPEST, Variant};
use crate::source::{Source, child};

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
    source: &'s Source<'s>,
    flag: &'static str,
    /// Where references led.
    seen: BTreeSet<String>,
}

impl<'s> Marks<'s> {
    pub(crate) fn new(source: &'s Source<'s>, variant: Variant) -> Self {
        Self { source, flag: variant.flag(), seen: BTreeSet::new() }
    }

    /// The names that this variant does not require: those marked in the object described at `at` or in a branch of its `allOf`.
    pub(crate) fn collect(mut self, raw: &Value, at: &str, hidden: &mut BTreeSet<String>) {
        self.walk(raw, at, hidden, 0);
    }

    fn walk(&mut self, raw: &Value, at: &str, hidden: &mut BTreeSet<String>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        if let Some(properties) = raw.get("properties").and_then(Value::as_object) {
            let marked = properties.iter().filter(|(name, property)| self.is_marked(property, || child(&child(at, "properties"), name)));
            hidden.extend(marked.map(|(name, _)| name.clone()));
        }
        for (n, branch) in raw.get("allOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let at = format!("{at}/allOf/{n}");
            if branch.get("$ref").is_none() {
                self.walk(branch, &at, hidden, depth + 1);
            } else if let Some((target, raw)) = self.target(branch, &at)
                && self.seen.insert(target.clone())
            {
                self.walk(raw, &target, hidden, depth + 1);
            }
        }
    }

    fn is_marked(&self, property: &Value, at: impl Fn() -> String) -> bool {
        let marked = |value: &Value| value.get(self.flag) == Some(&Value::Bool(true));
        marked(property) || (property.get("$ref").is_some() && self.target(property, &at()).is_some_and(|(_, target)| marked(target)))
    }

    /// Where the reference at a place leads; one that leads nowhere is told where it is lowered.
    fn target(&self, raw: &Value, at: &str) -> Option<(String, &'s Value)> {
        let target = self.source.leads_to(raw.get("$ref")?.as_str()?, at)?;
        let value = self.source.at(&target)?;
        Some((target, value))
    }
}
