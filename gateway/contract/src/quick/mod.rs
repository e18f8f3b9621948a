//! Whether a body is valid, and nothing else: most are, and need no error.
//!
//! A validator of JSON Schema asks one keyword after the other, each over the whole value: `required` looks for names, `properties` looks
//! for them again, and every value goes through a call that nobody can foresee. Here the schemas are a table of nodes, and an object is
//! gone through once, in the order of its own members. Keywords that say something of one value only are left to the validator; a schema
//! with one that is of neither kind has no such table. What is found to be wrong is told by the validator, which holds the value once more.

mod build;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use exchange::json::{Kind, Node};
use jsonschema::json::JsonNumber as _;

use crate::bounds::Bounds;
use crate::instance::{Instance, Number, Validator};
use crate::listed::Listed;
use crate::text::Text;

pub(crate) use build::Builder;

/// The nodes of all schemas of a document.
#[derive(Debug)]
pub(crate) struct Quick(Box<[Rules]>);

pub(crate) type RulesId = u32;

/// What one schema says.
#[derive(Debug)]
struct Rules {
    types: Types,
    text: Option<Text>,
    /// The only values that are allowed, by `enum` and by `const`.
    listed: Vec<Listed>,
    bounds: Option<Bounds>,
    object: Option<Box<Object>>,
    array: Option<Box<Array>>,
    beside: Box<[Beside]>,
    /// Whatever else it says of a value by itself.
    rest: Option<Arc<Validator>>,
}

/// The types that are allowed, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Types(u8);

#[derive(Debug)]
struct Object {
    /// In the order of the document, which is mostly that of the values.
    members: Box<[Member]>,
    /// Where there are many.
    by_name: Option<HashMap<Box<[u8]>, u32>>,
    /// A bit for each member that has to be there.
    required: u64,
    others: Others,
    least: usize,
    most: usize,
}

#[derive(Debug)]
struct Member {
    name: Box<[u8]>,
    /// `None`: it is required, and nothing else is said of it.
    rules: Option<RulesId>,
    /// Its bit among the required, if it is.
    bit: u64,
}

/// Members that are not named.
#[derive(Clone, Copy, Debug)]
enum Others {
    Any,
    Never,
    Are(RulesId),
}

#[derive(Debug)]
struct Array {
    first: Box<[RulesId]>,
    rest: Option<RulesId>,
    least: usize,
    most: usize,
}

/// Schemas of the same value.
#[derive(Debug)]
enum Beside {
    All(RulesId),
    Any(Box<[RulesId]>),
    One(Box<[RulesId]>),
    Not(RulesId),
    If { asked: RulesId, then: Option<RulesId>, otherwise: Option<RulesId> },
}

impl Quick {
    /// Whether a value is valid.
    pub(crate) fn is_valid(&self, at: RulesId, value: Node<'_>) -> bool {
        let rules = &self.0[at as usize];
        let kind = value.kind();
        let is_of_kind = match kind {
            Kind::Null => rules.types.has(Types::NULL),
            Kind::Bool => rules.types.has(Types::BOOL),
            Kind::Number => rules.is_number(value),
            Kind::String => rules.is_text(value),
            Kind::Array => rules.types.has(Types::ARRAY) && rules.array.as_ref().is_none_or(|array| self.is_array(array, value)),
            Kind::Object => rules.types.has(Types::OBJECT) && rules.object.as_ref().is_none_or(|object| self.is_object(object, value)),
        };
        is_of_kind
            && rules.listed.iter().all(|listed| listed.has(Instance::Value(value)))
            && rules.rest.as_ref().is_none_or(|rest| rest.is_valid(Instance::Value(value)))
            && rules.beside.iter().all(|beside| self.is_beside(beside, value))
    }

    fn is_object(&self, object: &Object, value: Node<'_>) -> bool {
        if value.len() < object.least || value.len() > object.most {
            return false;
        }
        let (mut next, mut seen) = (0, 0);
        for (name, value) in value.members() {
            let found = object.find(name.as_bytes().unwrap_or_default(), next);
            let member = found.map(|at| {
                next = at + 1;
                &object.members[at]
            });
            seen |= member.map_or(0, |member| member.bit);
            let is_valid = match (member.and_then(|member| member.rules), object.others) {
                (Some(rules), _) | (None, Others::Are(rules)) => self.is_valid(rules, value),
                (None, Others::Any) => true,
                (None, Others::Never) => false,
            };
            if !is_valid {
                return false;
            }
        }
        seen == object.required
    }

    fn is_array(&self, array: &Array, value: Node<'_>) -> bool {
        let rules = |at: usize| array.first.get(at).copied().or(array.rest);
        (array.least..=array.most).contains(&value.len())
            && value.items().enumerate().all(|(at, item)| rules(at).is_none_or(|rules| self.is_valid(rules, item)))
    }

    fn is_beside(&self, beside: &Beside, value: Node<'_>) -> bool {
        let is = |rules: &RulesId| self.is_valid(*rules, value);
        match beside {
            Beside::All(rules) => is(rules),
            Beside::Any(list) => list.iter().any(is),
            Beside::One(list) => list.iter().filter(|rules| is(rules)).take(2).count() == 1,
            Beside::Not(rules) => !is(rules),
            Beside::If { asked, then, otherwise } => (if is(asked) { then } else { otherwise }).as_ref().is_none_or(is),
        }
    }
}

impl Rules {
    fn is_number(&self, value: Node<'_>) -> bool {
        let text = value.raw();
        // Of most numbers a look at the digits says all.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_of_type = self.types.has(Types::NUMBER) || (self.types.has(Types::INTEGER) && (is_plain || Number(text).is_integer()));
        is_of_type && self.bounds.as_ref().is_none_or(|bounds| bounds.keeps(text))
    }

    fn is_text(&self, value: Node<'_>) -> bool {
        let text = value.as_bytes().unwrap_or_default();
        self.types.has(Types::STRING) && self.text.as_ref().is_none_or(|rules| rules.is_match(text))
    }
}

impl Object {
    /// The place of a member among those that are named, looked for first where it would come next.
    fn find(&self, name: &[u8], next: usize) -> Option<usize> {
        let is = |at: usize| self.members.get(at).is_some_and(|member| *member.name == *name);
        if is(next) {
            return Some(next);
        }
        match &self.by_name {
            Some(by_name) => by_name.get(name).map(|at| *at as usize),
            None => (next + 1..self.members.len()).chain(0..next.min(self.members.len())).find(|at| is(*at)),
        }
    }
}

impl Types {
    const NULL: Self = Self(1);
    const BOOL: Self = Self(2);
    const INTEGER: Self = Self(4);
    const NUMBER: Self = Self(8);
    const STRING: Self = Self(16);
    const ARRAY: Self = Self(32);
    const OBJECT: Self = Self(64);
    const ALL: Self = Self(127);
    const NONE: Self = Self(0);

    #[inline]
    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
