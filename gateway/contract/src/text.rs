//! What schemas say of texts, in one look: that they are texts, how long they are, and simple patterns.
//!
//! Most values are short texts, and most of what is said of them are a length and a pattern such as `^[0-9]{5}$`. Each is a keyword of its
//! own, with its own look at the text; here they are one, and a pattern that needs no engine has none.

use std::fmt::Display;

use jsonschema::json::Node as _;
use jsonschema::{JsonType, Keyword, ValidationError};
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use serde_json::{Map, Value, json};

use crate::instance::{Arena, Instance, characters};
use crate::keywords::each_in;

/// The keyword that stands for those that were merged.
pub(crate) const TEXT: &str = "text";

/// Merges what is said of texts, in a lowered schema and in all that are in it.
pub(crate) fn merge(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    each_in(members, &mut merge);
    let is_bound = |value: Option<&Value>| value.is_some_and(Value::is_u64);
    let is_merged = |keyword: &str| match keyword {
        "type" => members.get(keyword).is_some_and(|kind| kind == "string"),
        "pattern" => members.get(keyword).and_then(Value::as_str).is_some_and(|pattern| Simple::read(pattern).is_some()),
        _ => is_bound(members.get(keyword)),
    };
    let merged: Vec<&str> = ["type", "minLength", "maxLength", "pattern"].into_iter().filter(|keyword| is_merged(keyword)).collect();
    // The type by itself costs no look at the text.
    if merged.iter().all(|keyword| *keyword == "type") {
        return;
    }
    let text: Map<String, Value> = merged.into_iter().filter_map(|keyword| Some((keyword.to_owned(), members.remove(keyword)?))).collect();
    members.insert(TEXT.into(), Value::Object(text));
}

/// The rules of one schema.
pub(crate) struct Text {
    /// Whether nothing else than a text is allowed.
    only: bool,
    least: u64,
    most: u64,
    pattern: Option<(Box<str>, Simple)>,
}

impl Text {
    /// Reads what [`merge`] wrote.
    pub(crate) fn read(merged: &Value) -> Self {
        let pattern = merged.get("pattern").and_then(Value::as_str);
        Self {
            only: merged.get("type").is_some(),
            least: merged.get("minLength").and_then(Value::as_u64).unwrap_or(0),
            most: merged.get("maxLength").and_then(Value::as_u64).unwrap_or(u64::MAX),
            pattern: pattern.and_then(|pattern| Some((pattern.into(), Simple::read(pattern)?))),
        }
    }

    /// A text has no more characters than bytes, and no fewer than a quarter of them: few have to be counted.
    fn is_long_enough(&self, text: &[u8]) -> bool {
        let bytes = text.len() as u64;
        bytes.div_ceil(4) >= self.least || (bytes >= self.least && characters(text) >= self.least)
    }

    fn is_short_enough(&self, text: &[u8]) -> bool {
        let bytes = text.len() as u64;
        bytes <= self.most || (bytes.div_ceil(4) <= self.most && characters(text) <= self.most)
    }
}

impl<'i> Keyword<'i, Arena> for Text {
    fn is_valid(&self, instance: Instance<'i>) -> bool {
        if let Some(text) = instance.as_bytes() {
            return self.is_short_enough(text)
                && self.is_long_enough(text)
                && self.pattern.as_ref().is_none_or(|(_, pattern)| pattern.is_match(text));
        }
        match instance.string_length() {
            // A file: its bytes are counted.
            Some(length) => (self.least..=self.most).contains(&length),
            None => !self.only,
        }
    }

    fn validate(&self, instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        self.iter_errors(instance).next().map_or(Ok(()), Err)
    }

    fn iter_errors(&self, instance: Instance<'i>) -> Box<dyn Iterator<Item = ValidationError<'i>> + 'i> {
        let mut broken = Vec::new();
        let mut breaks = |keyword: &str, value: &dyn Display| broken.push(ValidationError::custom(format!("{keyword} {value}")));
        if instance.json_type() == JsonType::String {
            let length = instance.string_length().unwrap_or_default();
            if length < self.least {
                breaks("minLength", &self.least);
            }
            if length > self.most {
                breaks("maxLength", &self.most);
            }
            if let (Some((pattern, simple)), Some(text)) = (&self.pattern, instance.as_bytes())
                && !simple.is_match(text)
            {
                breaks("pattern", pattern);
            }
        } else if self.only {
            breaks("type", &"string");
        }
        Box::new(broken.into_iter())
    }
}

/// The keyword, and the value that it asks for, of an error that [`Text`] told.
pub(crate) fn told(message: &str) -> Option<(&str, Value)> {
    let (keyword, value) = message.split_once(' ')?;
    let value = match keyword {
        "minLength" | "maxLength" => json!(value.parse::<u64>().ok()?),
        _ => value.into(),
    };
    Some((keyword, value))
}

/// A pattern of a whole text that is decided byte by byte, with no way back: classes of ASCII one after another, each so many times.
#[derive(Debug)]
pub(crate) struct Simple(Box<[Step]>);

#[derive(Debug)]
struct Step {
    /// A bit for each byte; only those of ASCII are set.
    set: [u64; 4],
    least: u32,
    most: u32,
}

/// Whether ECMA-262 and `regex-syntax` read a pattern alike: escapes of punctuation and `\d` only, classes that hold no other class and do
/// not begin with what would end them, no groups that say more than that they are one, no white space in bounds.
fn is_read_alike(pattern: &str) -> bool {
    let mut symbols = pattern.chars().peekable();
    let (mut in_class, mut before) = (false, ' ');
    while let Some(symbol) = symbols.next() {
        let next = symbols.peek().copied().unwrap_or(' ');
        match symbol {
            '\\' if (next.is_ascii_punctuation() && next != '\\') || (next == 'd' && !in_class) => {
                symbols.next();
            }
            '\\' => return false,
            '[' if in_class || next == ']' || next == '^' => return false,
            '[' => in_class = true,
            ']' => in_class = false,
            '&' | '~' | '-' if in_class && before == symbol => return false,
            '(' if next == '?' => return false,
            '{' if next == ' ' => return false,
            ' ' if !in_class && matches!(before, ',' | '{') => return false,
            _ => {}
        }
        before = symbol;
    }
    true
}

impl Simple {
    fn read(pattern: &str) -> Option<Self> {
        if !is_read_alike(pattern) {
            return None;
        }
        // In ECMA-262 these are digits of ASCII only.
        let hir = regex_syntax::parse(&pattern.replace("\\d", "[0-9]")).ok()?;
        let HirKind::Concat(parts) = hir.kind() else { return None };
        let [first, inner @ .., last] = parts.as_slice() else { return None };
        if *first.kind() != HirKind::Look(Look::Start) || *last.kind() != HirKind::Look(Look::End) {
            return None;
        }
        let mut steps = Vec::new();
        inner.iter().try_for_each(|part| step(part, &mut steps))?;
        is_decided(&steps).then(|| Self(steps.into()))
    }

    fn is_match(&self, text: &[u8]) -> bool {
        let mut at = 0_usize;
        for step in &self.0 {
            let most = text.len().min(at.saturating_add(step.most as usize));
            let end = at.saturating_add(step.least as usize);
            while at < most && text.get(at).is_some_and(|byte| step.has(*byte)) {
                at += 1;
            }
            if at < end {
                return false;
            }
        }
        at == text.len()
    }
}

impl Step {
    fn new(set: u128, least: u32, most: u32) -> Self {
        Self { set: [set as u64, (set >> 64) as u64, 0, 0], least, most }
    }

    /// Whether two steps have a character in common.
    fn meets(&self, other: &Self) -> bool {
        self.set.iter().zip(&other.set).any(|(own, other)| own & other != 0)
    }

    fn has(&self, byte: u8) -> bool {
        self.set[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }
}

/// Adds the steps of a part of a pattern; `None` where it needs more.
fn step(part: &Hir, steps: &mut Vec<Step>) -> Option<()> {
    match part.kind() {
        HirKind::Literal(literal) => {
            for &byte in &literal.0 {
                steps.push(Step::new(bit(byte)?, 1, 1));
            }
        }
        HirKind::Class(class) => steps.push(Step::new(set(class)?, 1, 1)),
        HirKind::Repetition(repetition) => {
            let set = match repetition.sub.kind() {
                HirKind::Class(class) => set(class)?,
                HirKind::Literal(literal) if literal.0.len() == 1 => bit(literal.0[0])?,
                _ => return None,
            };
            steps.push(Step::new(set, repetition.min, repetition.max.unwrap_or(u32::MAX)));
        }
        HirKind::Capture(capture) => match capture.sub.kind() {
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| step(part, steps))?,
            _ => step(&capture.sub, steps)?,
        },
        _ => return None,
    }
    Some(())
}

fn bit(byte: u8) -> Option<u128> {
    (byte < 128).then(|| 1 << byte)
}

/// A class that has characters of ASCII only.
fn set(class: &Class) -> Option<u128> {
    let range = |start: u32, end: u32| (end < 128).then(|| (start..=end).fold(0_u128, |set, at| set | 1 << at));
    match class {
        Class::Unicode(class) => class.ranges().iter().try_fold(0, |set, one| Some(set | range(one.start().into(), one.end().into())?)),
        Class::Bytes(class) => class.ranges().iter().try_fold(0, |set, one| Some(set | range(one.start().into(), one.end().into())?)),
    }
}

/// Whether where one step ends is decided by the next character: what may go on has no character in common with what may follow.
fn is_decided(steps: &[Step]) -> bool {
    steps.iter().enumerate().all(|(at, step)| {
        let following = &steps[at + 1..];
        // What has to be there ends what may follow.
        let last = following.iter().position(|next| next.least > 0).map_or(following.len(), |last| last + 1);
        step.least == step.most || following[..last].iter().all(|next| !next.meets(step))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_patterns_decide_as_an_engine_does() {
        let texts = [
            "",
            "0",
            "00100",
            "0010",
            "001000",
            "RSSMRA80A01H501U",
            "a-b",
            "a.b",
            "ab",
            "abc",
            "-1.5",
            "12",
            "à",
            "00100\n",
            "C020",
            "AB",
            "aa",
        ];
        for pattern in [
            "^[0-9]{5}$",
            "^\\d{5}$",
            "^[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]$",
            "^[0-9A-Za-z._-]{1,30}$",
            "^C[0-9]{3}$",
            "^a*[b-c]+$",
            "^(ab)$",
            "^$",
            "^a[.]b$",
            "^-?[0-9]+$",
            "^[+0-9 ]{3,20}$",
        ] {
            let simple = Simple::read(pattern);
            let engine = engine(pattern);
            for text in texts {
                if let Some(simple) = &simple {
                    assert_eq!(simple.is_match(text.as_bytes()), engine.is_valid(&json!(text)), "{pattern} {text:?}");
                }
            }
            assert!(simple.is_some() || pattern == "^$", "{pattern}");
        }
        for pattern in [
            "[0-9]",
            "^a",
            "a$",
            "^a|b$",
            "^(aa|b)$",
            "^a*a$",
            "^[^a]$",
            "^.$",
            "^(ab)?c$",
            "^[à]$",
            "^\\w$",
            "^a?a$",
            "^\\\\d$",
            "^[a&&b]$",
            "^a*b*a$",
            "^[a[b]]$",
            "^[a-c[d]]$",
            "^[]a]$",
            "^[0-9]{ 2 }$",
            "^(?x)a b$",
            "^(?P<x>a)$",
            "^\\U00000041$",
            "^\\x{41}$",
            "^[\\d]$",
        ] {
            assert!(Simple::read(pattern).is_none(), "{pattern}");
        }
    }

    /// The validator's own engine.
    fn engine(pattern: &str) -> jsonschema::Validator {
        jsonschema::options().build(&json!({ "pattern": pattern })).expect("a schema")
    }

    #[test]
    fn what_is_said_of_texts_is_merged_wherever_it_stands() {
        let mut schema = json!({
            "properties": { "maxLength": { "type": "string", "maxLength": 3, "format": "date" }, "b": { "type": ["string", "null"], "pattern": "^a$" } },
            "items": { "pattern": "^(aa|b)$", "minLength": 1 },
            "enum": [{ "maxLength": 1 }],
            "allOf": [{ "type": "string" }, { "pattern": "(a)" }],
        });
        merge(&mut schema);
        let expected = json!({
            "properties": { "maxLength": { "format": "date", "text": { "type": "string", "maxLength": 3 } }, "b": { "type": ["string", "null"], "text": { "pattern": "^a$" } } },
            "items": { "pattern": "^(aa|b)$", "text": { "minLength": 1 } },
            "enum": [{ "maxLength": 1 }],
            "allOf": [{ "type": "string" }, { "pattern": "(a)" }],
        });
        assert_eq!(schema, expected);
    }
}
