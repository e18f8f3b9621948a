//! What the validators read: the gateway's own JSON values in place, and parameters without making JSON of them.

use std::borrow::Cow;
use std::collections::HashSet;

use exchange::json::{Items, Kind, Members as ArenaMembers, Node as ArenaNode};
use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use serde_json::Value;

use crate::decimal::Decimal;
use crate::listed::{Listed, canonical};
use crate::parameter::decoded::Decoded;

/// The representation that the validators are compiled for.
pub(crate) struct Arena;

/// A validator of the gateway's own JSON values.
pub(crate) type Validator = jsonschema::Validator<Arena>;

/// One value as a validator sees it.
#[derive(Clone, Copy)]
pub(crate) enum Instance<'a> {
    /// A value of a body.
    Value(ArenaNode<'a>),
    /// The name of a member.
    Name(&'a str),
    /// A parameter, or a value in it.
    Decoded(&'a Decoded<'a>),
    /// What has a value as its only member.
    Under(&'a Under<'a>),
}

/// A value under a name: so a validator of many schemas is told by which of them it is meant to be valid.
pub(crate) struct Under<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Instance<'a>,
}

impl<'a> Instance<'a> {
    /// A value that was read from text.
    pub(crate) fn of(value: &'a Decoded<'a>) -> Self {
        match value {
            Decoded::Json(json) => Self::Value(json.root()),
            value => Self::Decoded(value),
        }
    }

    /// The item or the member that a token of a JSON pointer leads to.
    pub(crate) fn step(&self, token: &str) -> Option<Self> {
        if let Some(array) = self.as_array() {
            return token.parse().ok().and_then(|at| array.elements().nth(at));
        }
        self.as_object()?.member(token)
    }
}

impl Json for Arena {
    type Node<'a> = Instance<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    /// Looking a member up walks the members, so that one pass over them is never dearer than two look-ups.
    const KEYS_PER_LOOKUP: usize = 1 << 16;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Instance<'_>) -> T) -> T {
        f(Instance::Name(string))
    }
}

impl<'a> Instance<'a> {
    /// The text in UTF-8, of a value that is one.
    #[inline]
    pub(crate) fn as_bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Self::Value(node) => node.as_bytes(),
            Self::Name(text) => Some(text.as_bytes()),
            Self::Decoded(Decoded::Text(text)) => Some(text.as_bytes()),
            Self::Decoded(_) | Self::Under(_) => None,
        }
    }

    /// The names of its members in UTF-8, of an object.
    pub(crate) fn names(self) -> Option<Names<'a>> {
        match self.as_object()? {
            Members::Arena(node) => Some(Names::Arena(node.members())),
            Members::Decoded(members) => Some(Names::Decoded(members.iter())),
            Members::Under(_) => None,
        }
    }
}

impl<'a> Node<'a, Arena> for Instance<'a> {
    type Object = Members<'a>;
    type Array = List<'a>;
    type Number = Number<'a>;

    fn as_object(&self) -> Option<Members<'a>> {
        match *self {
            Self::Value(node) if node.kind() == Kind::Object => Some(Members::Arena(node)),
            Self::Decoded(Decoded::Record(members)) => Some(Members::Decoded(members)),
            Self::Under(under) => Some(Members::Under(under)),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<List<'a>> {
        match *self {
            Self::Value(node) if node.kind() == Kind::Array => Some(List::Arena(node)),
            Self::Decoded(Decoded::List(items)) => Some(List::Decoded(items)),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match *self {
            Self::Value(node) => node.as_str().map(Cow::Borrowed),
            Self::Name(text) => Some(Cow::Borrowed(text)),
            Self::Decoded(Decoded::Text(text)) => Some(Cow::Borrowed(text)),
            // What is no text has no pattern and no format of texts.
            Self::Decoded(Decoded::File(bytes)) => Some(String::from_utf8_lossy(bytes)),
            Self::Decoded(_) | Self::Under(_) => None,
        }
    }

    fn as_number(&self) -> Option<Number<'a>> {
        match *self {
            Self::Value(node) => node.number().map(Number),
            Self::Decoded(Decoded::Number(text)) => Some(Number(text)),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match *self {
            Self::Value(node) => node.as_bool(),
            Self::Decoded(Decoded::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        match *self {
            Self::Value(node) => node.is_null(),
            Self::Decoded(value) => matches!(value, Decoded::Null),
            Self::Name(_) | Self::Under(_) => false,
        }
    }

    fn json_type(&self) -> JsonType {
        match *self {
            Self::Value(node) => json_type(node),
            Self::Name(_) | Self::Decoded(Decoded::Text(_) | Decoded::File(_)) => JsonType::String,
            Self::Decoded(Decoded::Number(_)) => JsonType::Number,
            Self::Decoded(Decoded::Bool(_)) => JsonType::Boolean,
            Self::Decoded(Decoded::Null) => JsonType::Null,
            Self::Decoded(Decoded::List(_)) => JsonType::Array,
            Self::Decoded(Decoded::Record(_)) | Self::Under(_) => JsonType::Object,
            Self::Decoded(Decoded::Json(json)) => json_type(json.root()),
        }
    }

    fn string_length(&self) -> Option<u64> {
        if let Self::Decoded(Decoded::File(bytes)) = *self {
            return Some(bytes.len() as u64);
        }
        self.as_bytes().map(characters)
    }

    fn equals_value(&self, expected: &Value) -> bool {
        Listed::of_const(expected, None).has(*self)
    }

    /// Asked only to put the value into an error, where ours must never stand.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(match *self {
            Self::Value(node) => NodeIdentity::tagged(node.document_address(), node.position()),
            // A name may begin where a value does, hence the tag.
            Self::Name(name) => NodeIdentity::tagged(name.as_ptr().addr(), 1),
            Self::Decoded(value) => NodeIdentity::new(std::ptr::from_ref(value).addr()),
            Self::Under(under) => NodeIdentity::new(std::ptr::from_ref(under).addr()),
        })
    }
}

fn json_type(node: ArenaNode<'_>) -> JsonType {
    match node.kind() {
        Kind::Null => JsonType::Null,
        Kind::Bool => JsonType::Boolean,
        Kind::Number => JsonType::Number,
        Kind::String => JsonType::String,
        Kind::Array => JsonType::Array,
        Kind::Object => JsonType::Object,
    }
}

/// How many characters a text in UTF-8 has: each has one byte that does not continue another (RFC 3629 §3).
pub(crate) fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64
}

/// An object.
pub(crate) enum Members<'a> {
    Arena(ArenaNode<'a>),
    Decoded(&'a [Pair<'a>]),
    Under(&'a Under<'a>),
}

type Pair<'a> = (Cow<'a, str>, Decoded<'a>);

impl<'a> Members<'a> {
    fn member(&self, key: &str) -> Option<Instance<'a>> {
        match *self {
            Self::Arena(node) => node.get(key).map(Instance::Value),
            Self::Decoded(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| Instance::of(value)),
            Self::Under(under) => (*under.name == *key).then_some(under.value),
        }
    }
}

impl<'a> Object<'a, Arena> for Members<'a> {
    type Node = Instance<'a>;
    type MemberName = &'a str;
    type MembersIter = MemberPairs<'a>;

    fn len(&self) -> usize {
        match self {
            Self::Arena(node) => node.len(),
            Self::Decoded(members) => members.len(),
            Self::Under(_) => 1,
        }
    }

    fn get(&self, key: &String) -> Option<Instance<'a>> {
        self.member(key)
    }

    fn members(&self) -> MemberPairs<'a> {
        match *self {
            Self::Arena(node) => MemberPairs::Arena(node.members()),
            Self::Decoded(members) => MemberPairs::Decoded(members.iter()),
            Self::Under(under) => MemberPairs::Under(std::iter::once(under)),
        }
    }
}

/// The names of an object's members, in order.
pub(crate) enum Names<'a> {
    Arena(ArenaMembers<'a>),
    Decoded(std::slice::Iter<'a, Pair<'a>>),
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match self {
            Self::Arena(members) => members.next().map(|(name, _)| name.as_bytes().unwrap_or_default()),
            Self::Decoded(members) => members.next().map(|(name, _)| name.as_bytes()),
        }
    }
}

/// The members of an object, in order.
pub(crate) enum MemberPairs<'a> {
    Arena(ArenaMembers<'a>),
    Decoded(std::slice::Iter<'a, Pair<'a>>),
    Under(std::iter::Once<&'a Under<'a>>),
}

impl<'a> Iterator for MemberPairs<'a> {
    type Item = (&'a str, Instance<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Arena(members) => members.next().map(|(name, value)| (name.as_str().unwrap_or_default(), Instance::Value(value))),
            Self::Decoded(members) => members.next().map(|(name, value)| (&**name, Instance::of(value))),
            Self::Under(under) => under.next().map(|under| (under.name, under.value)),
        }
    }
}

/// An array.
pub(crate) enum List<'a> {
    Arena(ArenaNode<'a>),
    Decoded(&'a [Decoded<'a>]),
}

impl<'a> Array<'a, Arena> for List<'a> {
    type Node = Instance<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        match self {
            Self::Arena(node) => node.len(),
            Self::Decoded(items) => items.len(),
        }
    }

    fn elements(&self) -> Elements<'a> {
        match self {
            Self::Arena(node) => Elements::Arena(node.items()),
            Self::Decoded(items) => Elements::Decoded(items.iter()),
        }
    }

    fn is_unique(&self) -> bool {
        let mut seen = HashSet::new();
        self.elements().all(|item| seen.insert(canonical(item)))
    }
}

/// The items of a [`List`].
pub(crate) enum Elements<'a> {
    Arena(Items<'a>),
    Decoded(std::slice::Iter<'a, Decoded<'a>>),
}

impl<'a> Iterator for Elements<'a> {
    type Item = Instance<'a>;

    fn next(&mut self) -> Option<Instance<'a>> {
        match self {
            Self::Arena(items) => items.next().map(Instance::Value),
            Self::Decoded(items) => items.next().map(Instance::of),
        }
    }
}

/// A number by its text.
pub(crate) struct Number<'a>(pub(crate) &'a str);

impl JsonNumber for Number<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        // Beyond the range of a float there is no such number; what lies there was compared by its text before.
        Cow::Owned(serde_json::from_str(self.0).unwrap_or_else(|_| serde_json::Number::from(0)))
    }

    fn is_integer(&self) -> bool {
        Decimal::read(self.0).is_integer()
    }
}
