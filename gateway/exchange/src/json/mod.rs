//! JSON texts read once.
//!
//! A [`Json`] keeps the bytes as they came and, beside them, a flat index of the values in them. The same index serves the
//! contract, the policy and the mapping; numbers keep their text, so no amount passes through a float, and a member can be
//! cut out of the original bytes ([`edit`]). The reader is strict where RFC 8259 lets readers differ: duplicate names, deep
//! nesting and endless numbers are refused, because two readers that disagree about them are how a check is bypassed.

mod edit;
mod read;
mod scan;
mod write;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

pub use edit::{canonical, cut, replace};
pub use read::{JsonError, JsonErrorKind, JsonLimits};
pub use write::{push_key, push_string};

use crate::Pointer;
use crate::pointer::Step;

/// A JSON text with the index of its values. Cloning shares both.
#[derive(Clone, Debug)]
pub struct Json(Arc<Index>);

#[derive(Debug)]
struct Index {
    text: Text,
    /// The same memory.
    bytes: Bytes,
    /// Every value in document order; the members of an object are pairs of a name and a value.
    entries: Vec<Entry>,
    /// The strings that hold escapes, unescaped, one after the other.
    unescaped: String,
}

/// A text in memory that [`Bytes`] can share. It is kept as what it was found to be, UTF-8, so that no value is ever looked
/// through again for it.
#[derive(Clone, Debug)]
struct Text(Arc<String>);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// One value: where it stands in the text, and where the next value that is not inside it begins.
#[derive(Clone, Copy, Debug)]
struct Entry {
    kind: Kind,
    /// For a string that was unescaped: set, and `extra` is its place in `unescaped`.
    escaped: bool,
    start: u32,
    end: u32,
    /// The index of the entry after this value's subtree.
    next: u32,
    /// Members or items held; for an escaped string, where it begins in `unescaped`.
    extra: u32,
    /// For an escaped string, its unescaped length.
    length: u32,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as its text.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Json {
    /// Reads a text whole. It must be UTF-8 without a byte order mark (RFC 8259 §8.1) and hold one value.
    pub fn read(text: Bytes, limits: &JsonLimits) -> Result<Self, JsonError> {
        read::read(text, limits)
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        Node { index: &self.0, at: 0 }
    }
}

/// One value of a [`Json`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    index: &'a Index,
    at: u32,
}

impl<'a> Node<'a> {
    #[inline]
    fn entry(self) -> &'a Entry {
        &self.index.entries[self.at as usize]
    }

    /// What this value is.
    #[inline]
    pub fn kind(self) -> Kind {
        self.entry().kind
    }

    /// Where this value stands in the text, in bytes.
    pub fn span(self) -> Range<usize> {
        let entry = self.entry();
        entry.start as usize..entry.end as usize
    }

    /// This value's text as it came.
    pub fn raw(self) -> &'a str {
        // The reader has seen to it that values begin and end on character boundaries.
        self.index.text.0.get(self.span()).unwrap_or_default()
    }

    /// The content of a string.
    pub fn as_str(self) -> Option<&'a str> {
        let entry = self.entry();
        match (entry.kind, entry.escaped) {
            (Kind::String, true) => self.index.unescaped.get(entry.extra as usize..(entry.extra + entry.length) as usize),
            (Kind::String, false) => self.index.text.0.get(entry.start as usize + 1..entry.end as usize - 1),
            _ => None,
        }
    }

    /// The same in UTF-8: whoever looks at bytes only is spared a look at where characters end.
    #[inline]
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        let entry = self.entry();
        match (entry.kind, entry.escaped) {
            (Kind::String, true) => self.index.unescaped.as_bytes().get(entry.extra as usize..(entry.extra + entry.length) as usize),
            (Kind::String, false) => self.index.text.0.as_bytes().get(entry.start as usize + 1..entry.end as usize - 1),
            _ => None,
        }
    }

    /// The text of a number, as it came.
    pub fn number(self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    /// The value of a boolean.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == "true")
    }

    /// Whether this is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// How many members or items this value has; 0 for a scalar.
    pub fn len(self) -> usize {
        if matches!(self.kind(), Kind::Array | Kind::Object) { self.entry().extra as usize } else { 0 }
    }

    /// Whether this value has no member or item.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The items of an array, in order; nothing for any other kind.
    pub fn items(self) -> Items<'a> {
        let left = if self.kind() == Kind::Array { self.entry().extra } else { 0 };
        Items { index: self.index, at: self.at + 1, left }
    }

    /// The members of an object, in order; nothing for any other kind.
    pub fn members(self) -> Members<'a> {
        let left = if self.kind() == Kind::Object { self.entry().extra } else { 0 };
        Members { index: self.index, at: self.at + 1, left }
    }

    /// The member of this name.
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        self.members().find(|(key, _)| key.as_bytes() == Some(name.as_bytes())).map(|(_, value)| value)
    }

    /// The values that a pointer selects, in document order. A step that finds nothing selects nothing.
    pub fn select(self, pointer: &Pointer) -> Vec<Node<'a>> {
        let mut found = vec![self];
        for step in pointer.steps() {
            found = found.into_iter().flat_map(|node| node.step(step)).collect();
        }
        found
    }

    fn step(self, step: &Step) -> Vec<Node<'a>> {
        match (step, self.kind()) {
            (Step::Every, Kind::Array) => self.items().collect(),
            (Step::Member(name), Kind::Object) => self.get(name).into_iter().collect(),
            (Step::Member(name), Kind::Array) => name.parse().ok().and_then(|at| self.items().nth(at)).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// An id of this value within its text: equal for the same value only.
    pub fn position(self) -> u32 {
        self.at
    }

    /// The address of the text's index, which together with [`Node::position`] tells values of different texts apart.
    pub fn document_address(self) -> usize {
        std::ptr::from_ref(self.index).addr()
    }

    /// The same value as serde's tree: for load time and for error paths.
    pub fn to_value(self) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(self.as_bool().unwrap_or_default()),
            Kind::Number => serde_json::from_str(self.raw()).unwrap_or(Value::Null),
            Kind::String => Value::String(self.as_str().unwrap_or_default().to_owned()),
            Kind::Array => Value::Array(self.items().map(Node::to_value).collect()),
            Kind::Object => {
                let members = self.members().map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), value.to_value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

/// The items of an array.
#[derive(Clone)]
pub struct Items<'a> {
    index: &'a Index,
    at: u32,
    left: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        self.left = self.left.checked_sub(1)?;
        let node = Node { index: self.index, at: self.at };
        self.at = node.entry().next;
        Some(node)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

/// The members of an object: the name, itself a string with a place, and the value.
#[derive(Clone)]
pub struct Members<'a> {
    index: &'a Index,
    at: u32,
    left: u32,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Node<'a>, Node<'a>);

    fn next(&mut self) -> Option<(Node<'a>, Node<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let name = Node { index: self.index, at: self.at };
        let value = Node { index: self.index, at: self.at + 1 };
        self.at = value.entry().next;
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}
