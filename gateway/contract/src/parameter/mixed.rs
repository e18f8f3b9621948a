//! Values in which some texts are numbers, and others that look like numbers are texts.

use std::collections::{BTreeSet, HashSet};

use document::unescaped;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};

use super::decoded::Decoded;
use super::kinds::{Kinds, Reading};
use crate::instance::Instance;
use crate::schemas::{Schema, location};
use crate::violation::{MOST_LOOKED_AT, is_cheap};

/// How many readings of one value are looked at.
const MOST_TRIED: usize = 32;

/// Whether a value is valid once some of its texts are read otherwise: what looks like a number is a text where the schema does not take the
/// number, and a text is the number that it looks like where the schema asks for one.
pub(super) fn is_valid_mixed(schema: &Schema, value: Decoded<'_>) -> bool {
    let mut tried: HashSet<BTreeSet<String>> = HashSet::new();
    let mut open = vec![(value, BTreeSet::new())];
    while let Some((value, changed)) = open.pop() {
        let instance = Instance::of(&value);
        if tried.len() > MOST_TRIED || !is_cheap(schema, instance, value.bytes()) {
            return false;
        }
        let mut ways = vec![Vec::new()];
        let mut is_valid = true;
        schema.each_error(instance, MOST_LOOKED_AT, |error| {
            is_valid = false;
            go_on(&mut ways, error);
        });
        if is_valid {
            return true;
        }
        // The likeliest is looked at first.
        for way in ways.into_iter().rev() {
            let (mut other, mut places) = (value.clone(), changed.clone());
            for Wish { place, asked } in way {
                let found = if places.contains(&place) { None } else { other.at_mut(&place) };
                if found.is_some_and(|value| value.read_otherwise(asked)) {
                    places.insert(place);
                }
            }
            if places.len() > changed.len() && tried.insert(places.clone()) {
                open.push((other, places));
            }
        }
    }
    false
}

/// Where another reading might be the right one.
#[derive(Clone)]
struct Wish {
    place: String,
    /// What is asked for there, of what a text may look like.
    asked: Kinds,
}

/// Has each way in which all might be well go on with what an error wishes; with every alternative of a union, of which one is enough.
fn go_on(ways: &mut Vec<Vec<Wish>>, error: &ValidationError<'_>) {
    use ValidationErrorKind as K;
    let own = Wish { place: location(error).to_owned(), asked: asked(error) };
    for way in ways.iter_mut() {
        way.push(own.clone());
    }
    if let K::OneOfNotValid { context } | K::AnyOf { context } = error.kind() {
        let before = std::mem::take(ways);
        for errors in context {
            let mut here = before.clone();
            for error in errors {
                go_on(&mut here, error);
            }
            ways.extend(here);
            ways.truncate(MOST_TRIED);
        }
    }
}

/// What of the types that an error asks for a text may look like.
fn asked(error: &ValidationError<'_>) -> Kinds {
    let ValidationErrorKind::Type { kind } = error.kind() else { return Kinds::NONE };
    let all = |kinds: Kinds, kind: JsonType| match kind {
        JsonType::Integer | JsonType::Number => kinds.or(Kinds::NUMBER),
        JsonType::Boolean => kinds.or(Kinds::BOOL),
        _ => kinds,
    };
    match kind {
        TypeKind::Single(kind) => all(Kinds::NONE, *kind),
        TypeKind::Multiple(kinds) => kinds.iter().fold(Kinds::NONE, all),
    }
}

impl Decoded<'_> {
    /// The value that a JSON pointer leads to.
    fn at_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        pointer.split('/').skip(1).try_fold(self, |value, token| match value {
            Decoded::List(items) => items.get_mut(token.parse::<usize>().ok()?),
            Decoded::Record(members) => {
                let name = unescaped(token);
                members.iter_mut().find(|(known, _)| **known == *name).map(|(_, value)| value)
            }
            _ => None,
        })
    }

    /// Makes a text again of what looked like something else, and what it looks like of a text where that is asked for. Tells whether it did.
    fn read_otherwise(&mut self, asked: Kinds) -> bool {
        *self = match self {
            Decoded::Number(text) => Decoded::Text(std::mem::take(text)),
            Decoded::Bool(value) => Decoded::Text(if *value { "true".into() } else { "false".into() }),
            Decoded::Text(text) => match asked.read(std::mem::take(text), Reading::Typed) {
                Decoded::Text(same) => {
                    *text = same;
                    return false;
                }
                value => value,
            },
            _ => return false,
        };
        true
    }
}
