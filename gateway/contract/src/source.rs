//! The document while it is being compiled: its values, where they stand, and the references between them.

use std::cell::RefCell;

use document::{Fault, Faults, Place, Tree};
use serde_json::Value;

use crate::resources::{ResourceId, Resources, Target};

/// References that lead to references: more than this in a row is a circle or as good as one.
const MOST_HOPS: usize = 32;

/// A document with the faults found in it so far.
pub(crate) struct Source<'a> {
    tree: &'a Tree,
    /// The whole document as serde's tree.
    pub(crate) raw: Value,
    /// What its schemas are named by.
    pub(crate) resources: Resources,
    faults: &'a RefCell<Faults>,
    /// Whether nothing beside a reference counts, as in OpenAPI 3.0.
    is_30: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn new(tree: &'a Tree, faults: &'a RefCell<Faults>) -> Self {
        let raw = tree.root.to_json();
        let is_30 = raw.get("openapi").and_then(Value::as_str).is_none_or(|version| version.starts_with("3.0."));
        let resources = Resources::of(&raw, !is_30);
        Self { tree, raw, resources, faults, is_30 }
    }

    /// Where a pointer leads in the file.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        self.tree.locate(pointer)
    }

    pub(crate) fn error(&self, pointer: &str, message: impl Into<String>) {
        self.report(Fault::error(self.place(pointer), message));
    }

    pub(crate) fn error_with_hint(&self, pointer: &str, message: impl Into<String>, hint: &str) {
        self.report(Fault::error(self.place(pointer), message).hint(hint));
    }

    pub(crate) fn warning(&self, pointer: &str, message: impl Into<String>, hint: &str) {
        self.report(Fault::warning(self.place(pointer), message).hint(hint));
    }

    fn report(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// The value at a pointer.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        self.raw.pointer(pointer)
    }

    /// Whether a name is one of the document's named schemas.
    pub(crate) fn is_schema(&self, name: &str) -> bool {
        self.at("/components/schemas").is_some_and(|schemas| schemas.get(name).is_some())
    }

    /// Whether an error was found so far.
    pub(crate) fn has_errors(&self) -> bool {
        self.faults.borrow().has_errors()
    }

    /// The value at a pointer, or the one that its references lead to, with the pointer of that.
    pub(crate) fn follow(&self, pointer: &str) -> Option<(String, &Value)> {
        let mut at = pointer.to_owned();
        for _ in 0..MOST_HOPS {
            let value = self.at(&at)?;
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some((at, value)) };
            at = self.target(reference, &at)?;
        }
        self.error(&child(pointer, "$ref"), "these references lead only to each other");
        None
    }

    /// The pointer of a schema, or of the one that it is nothing but a reference to; beside others, a reference is one keyword of many.
    pub(crate) fn follow_schema(&self, pointer: &str) -> Option<String> {
        let mut at = pointer.to_owned();
        for _ in 0..MOST_HOPS {
            let value = self.at(&at)?;
            let is_alone = self.is_30 || value.as_object().is_some_and(|members| members.len() == 1);
            let Some(reference) = value.get("$ref").and_then(Value::as_str).filter(|_| is_alone) else { return Some(at) };
            at = self.target(reference, &at)?;
        }
        self.error(&child(pointer, "$ref"), "these references lead only to each other");
        None
    }

    /// The resource that a place in the document is in.
    pub(crate) fn resource(&self, pointer: &str) -> ResourceId {
        self.resources.at(pointer)
    }

    /// The dynamic anchor that a reference standing at `at` names to begin with, and the resource that it is of.
    pub(crate) fn dynamic_anchor(&self, reference: &str, at: &str) -> Option<ResourceId> {
        match self.resources.target(reference, at) {
            Target::Anchor(anchor, resource) if anchor.is_dynamic => Some(resource),
            _ => None,
        }
    }

    /// The pointer that a reference standing at `at` names, if it leads to something.
    pub(crate) fn target(&self, reference: &str, at: &str) -> Option<String> {
        let place = child(at, "$ref");
        let leads_to = match self.resources.target(reference, at) {
            Target::Pointer(pointer) => Some(pointer),
            Target::Anchor(anchor, _) => Some(anchor.pointer),
            Target::Nothing => None,
            Target::Outside => {
                let message = format!("the reference `{reference}` leads out of the document");
                self.error_with_hint(&place, message, "bundle the documents into one file first: nothing is fetched");
                return None;
            }
        };
        let leads_to = leads_to.filter(|pointer| self.at(pointer).is_some());
        if leads_to.is_none() {
            self.error(&place, format!("the reference `{reference}` leads to nothing"));
        }
        leads_to
    }

    /// The members of a mapping that may be missing, each with its pointer; anything else is a fault.
    pub(crate) fn members<'s>(&self, parent: &'s Value, pointer: &str, name: &str) -> Vec<(&'s str, &'s Value, String)> {
        let at = child(pointer, name);
        match parent.get(name) {
            None => Vec::new(),
            Some(Value::Object(members)) => members.iter().map(|(key, value)| (key.as_str(), value, child(&at, key))).collect(),
            Some(_) => {
                self.error(&at, format!("`{name}` should be a mapping"));
                Vec::new()
            }
        }
    }
}

/// The pointer of a member.
pub(crate) fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
