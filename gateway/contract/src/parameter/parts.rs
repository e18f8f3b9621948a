//! The schemas of what is in a value, collected from all that speak of it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::kinds::{DEEPEST, Spoken, View, list};
use crate::definitions::SchemaId;

/// Whether a value is a file (`format: binary`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum File {
    #[default]
    Never,
    /// As far as some schemas of several say.
    Maybe,
    Always,
}

/// The schemas of what is in a value, found in all that is said of it.
#[derive(Default)]
pub(crate) struct Parts<'v> {
    /// Of a list's items at its beginning each on its own, and of those behind them.
    pub(crate) first: Vec<Vec<Spoken<'v>>>,
    pub(crate) rest: Vec<Spoken<'v>>,
    pub(crate) members: Vec<(&'v str, Vec<Spoken<'v>>)>,
    /// The members that have to be there.
    pub(crate) required: Vec<&'v str>,
    pub(crate) others: Vec<Spoken<'v>>,
    /// Whether there are to be no members but these.
    pub(super) is_closed: bool,
    pub(super) file: File,
}

impl<'v> Parts<'v> {
    /// What is said of the parts of a value by all of these schemas.
    pub(crate) fn of(schemas: &[Spoken<'v>], view: View<'v>) -> Self {
        let mut parts = Self::default();
        let mut seen = HashSet::new();
        for spoken in schemas {
            parts.collect(*spoken, view, &mut seen, 0);
        }
        parts
    }

    fn collect(&mut self, spoken: Spoken<'v>, view: View<'v>, seen: &mut HashSet<(SchemaId, bool)>, depth: usize) {
        let Spoken { schema, is_branch } = spoken;
        let Some(keywords) = schema.as_object().filter(|_| depth < DEEPEST) else { return };
        self.own(keywords, is_branch);
        if let Some(id) = View::target(keywords).filter(|id| seen.insert((*id, is_branch))) {
            self.collect(Spoken { schema: view.schema(id), is_branch }, view, seen, depth + 1);
        }
        for schema in list(keywords, "allOf") {
            self.collect(Spoken { schema, is_branch }, view, seen, depth + 1);
        }
        let branches = ["anyOf", "oneOf"].into_iter().flat_map(|keyword| list(keywords, keyword));
        let branches = branches.chain(["then", "else"].into_iter().filter_map(|keyword| keywords.get(keyword)));
        let dependent = keywords.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values);
        for schema in branches.chain(dependent) {
            self.collect(Spoken { schema, is_branch: true }, view, seen, depth + 1);
        }
    }

    fn own(&mut self, keywords: &'v Map<String, Value>, is_branch: bool) {
        if keywords.get("format").is_some_and(|format| format == "binary") {
            self.file = self.file.max(if is_branch { File::Maybe } else { File::Always });
        }
        let spoken = |schema| Spoken { schema, is_branch };
        if let Some(schema) = keywords.get("items") {
            add(&mut self.rest, spoken(schema));
        }
        // Which items these speak of depends on the others.
        for schema in
            ["unevaluatedItems", "contains"].into_iter().filter_map(|keyword| keywords.get(keyword)).filter(|schema| schema.is_object())
        {
            add(&mut self.rest, Spoken { schema, is_branch: true });
        }
        for (at, schema) in list(keywords, "prefixItems").enumerate() {
            if self.first.len() == at {
                self.first.push(Vec::new());
            }
            add(&mut self.first[at], spoken(schema));
        }
        if !is_branch {
            self.required.extend(list(keywords, "required").filter_map(Value::as_str));
        }
        for (name, schema) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
            match self.members.iter_mut().find(|(known, _)| known == name) {
                Some((_, schemas)) => add(schemas, spoken(schema)),
                None => self.members.push((name, vec![spoken(schema)])),
            }
        }
        // Which of these speaks of a member depends on its name.
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            match keywords.get(keyword) {
                Some(Value::Bool(false)) => self.is_closed |= !is_branch,
                others => others.into_iter().for_each(|schema| add(&mut self.others, Spoken { schema, is_branch: true })),
            }
        }
        let patterns = keywords.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values);
        patterns.for_each(|schema| add(&mut self.others, Spoken { schema, is_branch: true }));
    }
}

/// A schema that is reached in several ways is one, and has to hold if it does in one of them.
fn add<'v>(schemas: &mut Vec<Spoken<'v>>, new: Spoken<'v>) {
    match schemas.iter_mut().find(|known| std::ptr::eq(known.schema, new.schema)) {
        Some(known) => known.is_branch &= new.is_branch,
        None => schemas.push(new),
    }
}
