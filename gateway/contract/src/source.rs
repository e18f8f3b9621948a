//! The document while it is being compiled: its values, where they stand, and the references between them.

use std::cell::RefCell;

use document::{Fault, Faults, Place, Tree};
use serde_json::Value;

/// References that lead to references: more than this in a row is a circle or as good as one.
const MOST_HOPS: usize = 32;

/// A document with the faults found in it so far.
pub(crate) struct Source<'a> {
    tree: &'a Tree,
    /// The whole document as serde's tree.
    pub(crate) raw: Value,
    faults: &'a RefCell<Faults>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(tree: &'a Tree, faults: &'a RefCell<Faults>) -> Self {
        Self { tree, raw: tree.root.to_json(), faults }
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

    /// The pointer that a reference standing at `at` names, if it leads to something.
    pub(crate) fn target(&self, reference: &str, at: &str) -> Option<String> {
        let place = child(at, "$ref");
        let Some(fragment) = reference.strip_prefix('#') else {
            let message = format!("the reference `{reference}` leads out of the document");
            self.error_with_hint(&place, message, "bundle the documents into one file first: nothing is fetched");
            return None;
        };
        let decoded = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?.into_owned();
        if !decoded.is_empty() && !decoded.starts_with('/') {
            let message = format!("the reference `{reference}` names an anchor, which is not supported yet");
            self.error_with_hint(&place, message, "write it as a JSON pointer: `#/components/schemas/Name`");
            return None;
        }
        if self.at(&decoded).is_none() {
            self.error(&place, format!("the reference `{reference}` leads to nothing"));
            return None;
        }
        Some(decoded)
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
