//! Values in which some texts are numbers, and others that look like numbers are texts.

use document::unescaped;

use super::decoded::Decoded;
use crate::instance::Instance;
use crate::schemas::{Schema, location};
use crate::violation::{MOST_LOOKED_AT, is_cheap};

/// How often a value is looked at again with other readings of its texts.
const MOST_ROUNDS: usize = 16;

/// Whether a value that was read as what its texts look like is valid once those of them are texts that the schema does not take for what
/// they look like.
pub(super) fn is_valid_mixed(schema: &Schema, mut value: Decoded<'_>) -> bool {
    for _ in 0..MOST_ROUNDS {
        let instance = Instance::of(&value);
        if !is_cheap(schema, instance, value.bytes()) {
            return false;
        }
        let mut places = Vec::new();
        schema.each_error(instance, MOST_LOOKED_AT, |error| places.push(location(error).to_owned()));
        if places.is_empty() {
            return true;
        }
        let mut is_changed = false;
        for place in places {
            is_changed |= value.at_mut(&place).is_some_and(Decoded::make_text);
        }
        if !is_changed {
            return false;
        }
    }
    false
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

    /// Makes a text again of what looked like something else. Tells whether it did.
    fn make_text(&mut self) -> bool {
        *self = match self {
            Decoded::Number(text) => Decoded::Text(std::mem::take(text)),
            Decoded::Bool(value) => Decoded::Text(if *value { "true".into() } else { "false".into() }),
            _ => return false,
        };
        true
    }
}
