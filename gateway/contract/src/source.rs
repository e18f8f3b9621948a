//! The documents while they are being compiled: their values, where they stand, and the references between them.

use std::cell::RefCell;
use std::collections::HashSet;

use document::{Fault, Faults, Place, escaped, nearest};
use serde_json::Value;

use crate::digits::Digits;
use crate::documents::Documents;
use crate::resources::{Duplicate, ResourceId, Target};

/// References that lead to references: more than this in a row is a circle or as good as one.
const MOST_HOPS: usize = 32;

/// The documents with the faults found in them so far.
pub(crate) struct Source<'a> {
    documents: &'a Documents,
    faults: &'a RefCell<Faults>,
    /// Where references, or their being followed, have led.
    reached: RefCell<HashSet<String>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(documents: &'a Documents, faults: &'a RefCell<Faults>) -> Self {
        Self { documents, faults, reached: RefCell::default() }
    }

    /// The first document.
    pub(crate) fn root(&self) -> &'a Value {
        self.documents.root()
    }

    /// The documents, each with the pointer of its outermost value.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        self.documents.all()
    }

    /// Where a pointer leads in its file.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        self.documents.place(pointer)
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
    pub(crate) fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.documents.at(pointer)
    }

    /// The numbers that have more digits than are kept.
    pub(crate) fn digits(&self) -> &'a Digits {
        &self.documents.digits
    }

    /// Whether a name is one of the document's named schemas.
    pub(crate) fn is_schema(&self, name: &str) -> bool {
        self.documents.is_schema(name)
    }

    /// What one schema is named by is the name of no other, and of no file.
    pub(crate) fn refuse_duplicates(&self) {
        for Duplicate { keyword, name, pointer, first } in &self.documents.resources.duplicates {
            let (first, place) = (self.place(first), self.place(pointer));
            // What is written once may stand in several places, by an alias or a file that has two names.
            if first != place {
                self.error(&child(pointer, keyword), format!("the `{keyword}` `{name}` is given twice: first at {first}"));
            }
        }
        for (pointer, file) in &self.documents.shadows {
            let message = format!("this `$id` is the address of the file `{file}` too, which references lead to");
            self.error_with_hint(&child(pointer, "$id"), message, "give it another, or take the file away");
        }
    }

    /// How many faults were found so far.
    pub(crate) fn found(&self) -> usize {
        self.faults.borrow().len()
    }

    /// Makes warnings of the errors found since there were so many.
    pub(crate) fn soften(&self, known: usize, hint: &str) {
        self.faults.borrow_mut().soften(known, hint);
    }

    /// Whether an error was found so far.
    pub(crate) fn has_errors(&self) -> bool {
        self.faults.borrow().has_errors()
    }

    /// The value at a pointer, or the one that its references lead to, with the pointer of that.
    pub(crate) fn follow(&self, pointer: &str) -> Option<(String, &'a Value)> {
        self.walk(pointer, |_| true)
    }

    /// The pointer of a schema, or of the one that it is nothing but a reference to; beside others, a reference is one keyword of many.
    pub(crate) fn follow_schema(&self, pointer: &str) -> Option<String> {
        let is_alone = |value: &Value| self.documents.is_30 || value.as_object().is_some_and(|members| members.len() == 1);
        self.walk(pointer, is_alone).map(|(at, _)| at)
    }

    /// Where the references lead that begin at a pointer, as far as they are to be followed.
    fn walk(&self, pointer: &str, is_followed: impl Fn(&Value) -> bool) -> Option<(String, &'a Value)> {
        let mut at = pointer.to_owned();
        for _ in 0..MOST_HOPS {
            let value = self.at(&at)?;
            let Some(reference) = value.get("$ref").filter(|_| is_followed(value)) else {
                self.reached.borrow_mut().insert(at.clone());
                return Some((at, value));
            };
            at = self.target(self.reference(reference, &at)?, &at)?;
        }
        self.error(&child(pointer, "$ref"), "these references lead only to each other");
        None
    }

    /// Whether what stands at a pointer was led to.
    pub(crate) fn is_reached(&self, pointer: &str) -> bool {
        self.reached.borrow().contains(pointer)
    }

    /// The text of the `$ref` in the value at a place.
    pub(crate) fn reference(&self, reference: &'a Value, at: &str) -> Option<&'a str> {
        let text = reference.as_str();
        if text.is_none() {
            let hint = "put it between quotation marks: in YAML, `#` after a blank begins a comment";
            self.error_with_hint(&child(at, "$ref"), "a `$ref` should be a text", hint);
        }
        text
    }

    /// The resource that a place in the document is in.
    pub(crate) fn resource(&self, pointer: &str) -> ResourceId {
        self.documents.resources.at(pointer)
    }

    /// The dynamic anchor that a reference standing at `at` names to begin with, and the resource that it is of.
    pub(crate) fn dynamic_anchor(&self, reference: &str, at: &str) -> Option<ResourceId> {
        match self.documents.resources.target(reference, at) {
            Target::Anchor(anchor, resource) if anchor.is_dynamic => Some(resource),
            _ => None,
        }
    }

    /// The dynamic anchors of a name: any of them may be the one that counts.
    pub(crate) fn dynamic_anchors(&self, name: &str) -> Vec<String> {
        self.documents.resources.dynamic(name)
    }

    /// The pointer that a reference standing at `at` names, if it leads to something; else that is a fault.
    pub(crate) fn target(&self, reference: &str, at: &str) -> Option<String> {
        self.target_of(reference, at, &child(at, "$ref"))
    }

    /// The same of one that is written at another place than a reference is.
    pub(crate) fn target_of(&self, reference: &str, at: &str, place: &str) -> Option<String> {
        let leads_to = self.leads_to(reference, at);
        if leads_to.is_none() {
            match self.documents.unread(reference, at) {
                Some(unread) => self.error_with_hint(place, format!("the reference `{reference}` {}", unread.message), &unread.hint),
                None => {
                    let message = format!("the reference `{reference}` leads to nothing");
                    match self.meant(reference, at) {
                        Some(meant) => self.error_with_hint(place, message, &format!("did you mean `{meant}`?")),
                        None => self.error(place, message),
                    }
                }
            }
        }
        leads_to
    }

    /// What a reference that leads to nothing was most likely to name: something that stands beside.
    fn meant(&self, reference: &str, at: &str) -> Option<String> {
        let (before, name) = reference.rsplit_once('/').filter(|(before, _)| before.contains('#'))?;
        let Value::Object(beside) = self.at(&self.leads_to(before, at)?)? else { return None };
        let near = nearest(name, beside.keys().map(String::as_str))?;
        Some(format!("{before}/{}", escaped(near)))
    }

    /// The pointer that a reference standing at `at` names, if it leads to something.
    pub(crate) fn leads_to(&self, reference: &str, at: &str) -> Option<String> {
        let leads_to = match self.documents.resources.target(reference, at) {
            Target::Pointer(pointer) => pointer,
            Target::Anchor(anchor, _) => anchor.pointer,
            Target::Nothing | Target::Outside => return None,
        };
        self.at(&leads_to).is_some().then_some(leads_to)
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
    let mut at = String::with_capacity(pointer.len() + name.len() + 1);
    at.push_str(pointer);
    step(&mut at, name);
    at
}

/// Makes a pointer one of a member (RFC 6901 §3).
pub(crate) fn step(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&escaped(name));
}
