//! `readOnly` and `writeOnly`: which members a request or an answer need not have.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::lower::{DEEPEST, Variant};
use crate::source::{Source, child};
use crate::version::Version;

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

/// Looks at the schemas that all have to hold for one value: one, the branches of its `allOf`, and those that its references lead to.
pub(crate) struct Marks<'s> {
    source: &'s Source<'s>,
    /// The keyword that marks.
    flag: &'static str,
    variant: Variant,
    /// Whether anything counts beside a reference: not in OpenAPI 3.0 (§4.7.23).
    has_siblings: bool,
    marked: &'s RefCell<Marked>,
}

/// Whether the schemas at these pointers are marked, each found once.
pub(crate) type Marked = HashMap<(Variant, String), bool>;

impl<'s> Marks<'s> {
    pub(crate) fn new(source: &'s Source<'s>, variant: Variant, version: Version, marked: &'s RefCell<Marked>) -> Self {
        Self { source, flag: variant.flag(), variant, has_siblings: version.is_of_2020_12(), marked }
    }

    /// The names of members that are marked.
    pub(crate) fn hidden(&self, raw: &Value, at: &str) -> BTreeSet<String> {
        let mut hidden = BTreeSet::new();
        self.each_of_value(raw, at, &mut |raw, at| {
            for (name, property) in raw.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if !hidden.contains(name) && self.is_marked(property, || child(&child(at, "properties"), name)) {
                    hidden.insert(name.clone());
                }
            }
        });
        hidden
    }

    /// The names of members that have to be there.
    pub(crate) fn required(&self, raw: &Value, at: &str) -> BTreeSet<String> {
        let mut required = BTreeSet::new();
        self.each_of_value(raw, at, &mut |raw, _| {
            let names = raw.get("required").and_then(Value::as_array).into_iter().flatten();
            required.extend(names.filter_map(Value::as_str).map(str::to_owned));
        });
        required
    }

    fn is_marked(&self, property: &Value, at: impl Fn() -> String) -> bool {
        let marked = |value: &Value| value.get(self.flag) == Some(&Value::Bool(true));
        if property.get("$ref").is_none() && property.get("allOf").is_none() {
            return marked(property);
        }
        let at = at();
        // Of many properties that refer to the same the answer is the same.
        let alone = property.as_object().filter(|members| members.len() == 1).and_then(|members| members.get("$ref")?.as_str());
        let target = alone.and_then(|reference| self.source.leads_to(reference, &at)).map(|target| (self.variant, target));
        if let Some(known) = target.as_ref().and_then(|target| self.marked.borrow().get(target).copied()) {
            return known;
        }
        let mut is_marked = false;
        self.each_of_value(property, &at, &mut |raw, _| is_marked |= marked(raw));
        if let Some(target) = target {
            self.marked.borrow_mut().insert(target, is_marked);
        }
        is_marked
    }

    fn each_of_value(&self, raw: &Value, at: &str, each: &mut dyn FnMut(&Value, &str)) {
        self.walk(raw, at, each, &mut BTreeSet::new(), 0);
    }

    fn walk(&self, raw: &Value, at: &str, each: &mut dyn FnMut(&Value, &str), seen: &mut BTreeSet<String>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let reference = raw.get("$ref").and_then(Value::as_str);
        // One that leads nowhere is told where it is lowered.
        if let Some(target) = reference.and_then(|reference| self.source.leads_to(reference, at))
            && let Some(raw) = self.source.at(&target)
            && seen.insert(target.clone())
        {
            self.walk(raw, &target, each, seen, depth + 1);
        }
        if reference.is_some() && !self.has_siblings {
            return;
        }
        each(raw, at);
        for (n, branch) in raw.get("allOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
            self.walk(branch, &format!("{at}/allOf/{n}"), each, seen, depth + 1);
        }
    }
}
