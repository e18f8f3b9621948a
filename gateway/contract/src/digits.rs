//! Numbers of documents that have more digits than a number of 64 bits keeps: they are carried beside the schemas that say them.

use std::collections::BTreeMap;

use document::Tree;
use serde_json::{Map, Number, Value};

use crate::decimal::Decimal;

/// The keyword under which a lowered schema has them: texts by their pointers into it.
pub(crate) const DIGITS: &str = "digits";

/// The keywords that numbers of values are held against.
const NUMBERS: [&str; 7] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "const"];

/// The numbers of documents that are not kept whole, by their pointers.
#[derive(Default)]
pub(crate) struct Digits(BTreeMap<String, Box<str>>);

impl Digits {
    /// Adds those of a document of which all pointers begin so.
    pub(crate) fn add(&mut self, tree: &Tree, prefix: &str) {
        tree.root.each_number(&mut |pointer, text| {
            if !is_kept(text) {
                self.0.insert(format!("{prefix}{pointer}"), text.trim_start_matches('+').into());
            }
        });
    }

    /// The number at a pointer, if it is one of them.
    pub(crate) fn at(&self, pointer: &str) -> Option<&str> {
        self.0.get(pointer).map(|text| &**text)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(pointer, text)| (&**pointer, &**text))
    }

    /// Puts what the schema at a pointer says in numbers into the schema as it was lowered.
    pub(crate) fn put(&self, at: &str, lowered: &mut Map<String, Value>) {
        if self.0.is_empty() {
            return;
        }
        let below = format!("{at}/");
        let within = self.0.range(below.clone()..).take_while(|(pointer, _)| pointer.starts_with(&below));
        let mut found = Map::new();
        for (pointer, text) in within {
            let within = &pointer[at.len()..];
            let keyword = within[1..].split('/').next().unwrap_or_default();
            if !NUMBERS.contains(&keyword) || !lowered.contains_key(keyword) {
                continue;
            }
            // What is beyond all floats was not even a number, and what is next to nothing was nothing.
            let kept = lowered.get_mut(keyword).and_then(|value| value.pointer_mut(&within[1 + keyword.len()..]));
            if let Some(kept) = kept.filter(|kept| !kept.as_f64().is_some_and(|number| number != 0.0)) {
                *kept = Value::from(1);
            }
            found.insert(within.to_owned(), Value::from(&**text));
        }
        if !found.is_empty() {
            lowered.insert(DIGITS.to_owned(), found.into());
        }
    }
}

/// Has a lowered schema say this number.
pub(crate) fn set(lowered: &mut Map<String, Value>, keyword: &str, text: &str) {
    lowered.insert(keyword.to_owned(), text.parse::<Number>().map_or_else(|_| Value::from(1), Value::Number));
    let pointer = format!("/{keyword}");
    if !is_kept(text) {
        let digits = lowered.entry(DIGITS).or_insert_with(|| Map::new().into());
        digits.as_object_mut().and_then(|digits| digits.insert(pointer, text.into()));
    } else if let Some(digits) = lowered.get_mut(DIGITS).and_then(Value::as_object_mut) {
        digits.remove(&pointer);
    }
}

/// Has the digits of one keyword be those of another.
pub(crate) fn rename(lowered: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(digits) = lowered.get_mut(DIGITS).and_then(Value::as_object_mut)
        && let Some(text) = digits.remove(&format!("/{from}"))
    {
        digits.insert(format!("/{to}"), text);
    }
}

/// The text of the number at a pointer into a lowered schema.
pub(crate) fn written(lowered: &Map<String, Value>, pointer: &str) -> Option<String> {
    let kept = || lowered.get(pointer.strip_prefix('/')?).map(Value::to_string);
    lowered.get(DIGITS).and_then(|digits| Some(digits.get(pointer)?.as_str()?.to_owned())).or_else(kept)
}

fn is_kept(text: &str) -> bool {
    // So many digits every float has.
    if text.len() <= 15 && !text.contains(['e', 'E', '+']) {
        return true;
    }
    let Ok(number) = text.parse::<Number>() else { return false };
    Decimal::read(&number.to_string()).compare(&Decimal::read(text)).is_eq()
}
