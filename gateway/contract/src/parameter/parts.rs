//! The schemas of what is in a value, collected from all that speak of it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::kinds::{DEEPEST, View, list};
use crate::lower::SchemaId;

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
    /// Whether there are to be no members but these.
    pub(super) is_closed: bool,
    pub(super) is_binary: bool,
    pub(super) is_bounded: bool,
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
