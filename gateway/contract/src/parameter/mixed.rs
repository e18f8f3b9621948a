//! Values in which some texts are numbers, and others that look like numbers are texts.

use std::collections::{BTreeSet, HashSet};

use document::unescaped;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

use super::decoded::Decoded;
use super::kinds::{Kinds, Reading};
use crate::instance::Instance;
use crate::own;
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
        let mut wishes = Wishes::default();
        schema.each_error(instance, MOST_LOOKED_AT, |error| wishes.hear(error));
        if wishes.is_nothing_wrong {
            return true;
        }
        // The likeliest is looked at first.
        for way in wishes.ways().into_iter().rev() {
            let (mut other, mut places) = (value.clone(), changed.clone());
            for wish in way {
                let found = if places.contains(&wish.place) { None } else { other.at_mut(&wish.place) };
                if found.is_some_and(|value| value.read_otherwise(wish.is_of_type)) {
                    places.insert(wish.place.clone());
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
struct Wish {
    place: String,
    /// Whether another type is asked for there.
    is_of_type: bool,
}

/// What the errors of a value ask for.
struct Wishes {
    is_nothing_wrong: bool,
    /// Of all errors.
    certain: Vec<Wish>,
    /// Of each alternative of a union, of which one is enough.
    alternatives: Vec<Vec<Wish>>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { is_nothing_wrong: true, certain: Vec::new(), alternatives: Vec::new() }
    }
}

impl Wishes {
    fn hear(&mut self, error: &ValidationError<'_>) {
        use ValidationErrorKind as K;
        self.is_nothing_wrong = false;
        self.certain.push(Wish::of(error));
        if let K::OneOfNotValid { context } | K::AnyOf { context } = error.kind() {
            self.alternatives.extend(context.iter().map(|errors| errors.iter().map(Wish::of).collect()));
        }
    }

    /// Each way in which all might be well.
    fn ways(&self) -> Vec<Vec<&Wish>> {
        let certain = || self.certain.iter();
        let alternatives = self.alternatives.iter().map(|alternative| certain().chain(alternative).collect());
        if self.alternatives.is_empty() { vec![certain().collect()] } else { alternatives.collect() }
    }
}

impl Wish {
    fn of(error: &ValidationError<'_>) -> Self {
        let is_of_type = match error.kind() {
            ValidationErrorKind::Type { .. } => true,
            ValidationErrorKind::Custom { message, .. } => own::told(message).is_some_and(|(keyword, _)| keyword == "type"),
            _ => false,
        };
        Self { place: location(error).to_owned(), is_of_type }
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

    /// Makes a text again of what looked like something else, and what it looks like of a text where another type is asked for. Tells whether it
    /// did.
    fn read_otherwise(&mut self, is_of_type: bool) -> bool {
        *self = match self {
            Decoded::Number(text) => Decoded::Text(std::mem::take(text)),
            Decoded::Bool(value) => Decoded::Text(if *value { "true".into() } else { "false".into() }),
            Decoded::Text(text) if is_of_type => match Kinds::NO_TEXT.read(std::mem::take(text), Reading::Typed) {
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
