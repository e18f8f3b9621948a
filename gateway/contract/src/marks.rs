//! `readOnly` and `writeOnly`: which members a request or an answer need not have.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

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

/// What is known of the schemas at these pointers, each found once.
#[derive(Default)]
pub(crate) struct Marked {
    marked: HashMap<(Variant, String), bool>,
    found: HashMap<(Variant, String), Rc<Found>>,
}

/// What the schemas of one value say of its members.
#[derive(Default)]
pub(crate) struct Found {
    /// The names of those that are marked.
    pub(crate) hidden: BTreeSet<String>,
    /// The names of those that have to be there.
    pub(crate) required: BTreeSet<String>,
}

impl<'s> Marks<'s> {
    pub(crate) fn new(source: &'s Source<'s>, variant: Variant, version: Version, marked: &'s RefCell<Marked>) -> Self {
        Self { source, flag: variant.flag(), variant, has_siblings: version.is_of_2020_12(), marked }
    }

    /// What the schema at a pointer, and those that hold with it, say of members.
    pub(crate) fn found(&self, raw: &Value, at: &str) -> Rc<Found> {
        let key = (self.variant, at.to_owned());
        if let Some(known) = self.marked.borrow().found.get(&key) {
            return known.clone();
        }
        let mut found = Found::default();
        self.walk(raw, at, &mut found, &mut BTreeSet::new(), 0);
        let found = Rc::new(found);
        self.marked.borrow_mut().found.insert(key, found.clone());
        found
    }

    /// Looks at a schema, at the branches of its `allOf`, and at those that its references lead to.
    fn walk(&self, raw: &Value, at: &str, found: &mut Found, seen: &mut BTreeSet<String>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        if let Some((target, raw)) = self.target(raw, at)
            && seen.insert(target.clone())
        {
            self.walk(raw, &target, found, seen, depth + 1);
        }
        if !self.counts(raw) {
            return;
        }
        for (name, property) in raw.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if !found.hidden.contains(name) && self.is_marked(property, &child(&child(at, "properties"), name), 0) {
                found.hidden.insert(name.clone());
            }
        }
        let required = raw.get("required").and_then(Value::as_array).into_iter().flatten();
        found.required.extend(required.filter_map(Value::as_str).map(str::to_owned));
        for (n, branch) in branches(raw) {
            self.walk(branch, &format!("{at}/allOf/{n}"), found, seen, depth + 1);
        }
    }

    /// Whether a schema is marked, a branch of its `allOf`, or what its references lead to.
    fn is_marked(&self, raw: &Value, at: &str, depth: usize) -> bool {
        if depth > DEEPEST {
            return false;
        }
        let own = self.counts(raw) && raw.get(self.flag) == Some(&Value::Bool(true));
        let by_target = || self.target(raw, at).is_some_and(|(target, raw)| self.is_target_marked(target, raw, depth + 1));
        let by_branch = || branches(raw).any(|(n, branch)| self.is_marked(branch, &format!("{at}/allOf/{n}"), depth + 1));
        own || by_target() || (self.counts(raw) && by_branch())
    }

    /// Of many that refer to the same the answer is the same.
    fn is_target_marked(&self, target: String, raw: &Value, depth: usize) -> bool {
        let key = (self.variant, target);
        if let Some(known) = self.marked.borrow().marked.get(&key) {
            return *known;
        }
        // One that leads back to itself is not marked by that.
        self.marked.borrow_mut().marked.insert(key.clone(), false);
        let is_marked = self.is_marked(raw, &key.1, depth);
        self.marked.borrow_mut().marked.insert(key, is_marked);
        is_marked
    }

    /// Where the reference of a schema leads; one that leads nowhere is told where it is lowered.
    fn target(&self, raw: &Value, at: &str) -> Option<(String, &'s Value)> {
        let target = self.source.leads_to(raw.get("$ref")?.as_str()?, at)?;
        let value = self.source.at(&target)?;
        Some((target, value))
    }

    /// Whether anything but its reference counts.
    fn counts(&self, raw: &Value) -> bool {
        self.has_siblings || raw.get("$ref").is_none()
    }
}

fn branches(raw: &Value) -> impl Iterator<Item = (usize, &Value)> {
    raw.get("allOf").and_then(Value::as_array).into_iter().flatten().enumerate()
}
