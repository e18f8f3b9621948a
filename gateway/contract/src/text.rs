//! What schemas say of texts, in one look: that they are texts, how long they are, and simple patterns.
//!
//! Most values are short texts, and most of what is said of them are a length and a pattern such as `^[0-9]{5}$`. Each is a keyword of its
//! own, with its own look at the text; here they are one, and a pattern that needs no engine has none.

use jsonschema::json::Node as _;
use serde_json::{Map, Value};

use crate::instance::{Instance, characters};
use crate::keywords::put_under;
use crate::own::{Asked, PATTERN, Rules};
use crate::pattern::Simple;

/// The keyword that stands for those that were merged.
pub(crate) const TEXT: &str = "text";

/// Merges what a lowered schema says of texts.
pub(crate) fn merge(members: &mut Map<String, Value>) {
    let is_bound = |value: Option<&Value>| value.is_some_and(Value::is_u64);
    let is_merged = |keyword: &&str| match *keyword {
        "type" => members.get(*keyword).is_some_and(|kind| kind == "string"),
        "pattern" => members.get(*keyword).and_then(Value::as_str).is_some_and(|pattern| Simple::read(pattern).is_some()),
        _ => is_bound(members.get(*keyword)),
    };
    let merged: Vec<&str> = ["type", "minLength", "maxLength", "pattern"].into_iter().filter(is_merged).collect();
    // The type by itself costs no look at the text.
    if merged.iter().any(|keyword| *keyword != "type") {
        put_under(members, TEXT, &merged);
    }
}

/// The rules of one schema.
#[derive(Debug)]
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

    /// Whether nothing else than a text is allowed.
    pub(crate) fn is_only(&self) -> bool {
        self.only
    }

    /// Whether a text keeps the rules.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.is_short_enough(text) && self.is_long_enough(text) && self.pattern.as_ref().is_none_or(|(_, pattern)| pattern.is_match(text))
    }

    fn is_of_pattern(&self, value: Instance<'_>) -> bool {
        self.pattern.as_ref().is_none_or(|(_, pattern)| value.as_string().is_none_or(|text| pattern.is_match(text.as_bytes())))
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

impl Rules for Text {
    fn is_kept(&self, value: Instance<'_>) -> bool {
        if let Some(text) = value.as_bytes() {
            return self.is_match(text);
        }
        match value.string_length() {
            // A file: its bytes are counted.
            Some(length) => (self.least..=self.most).contains(&length) && self.is_of_pattern(value),
            None => !self.only,
        }
    }

    fn broken(&self, value: Instance<'_>) -> Vec<Asked> {
        let Some(length) = value.string_length() else {
            return if self.only { vec![("type", "string".to_owned())] } else { Vec::new() };
        };
        let mut broken = Vec::new();
        if length < self.least {
            broken.push(("minLength", self.least.to_string()));
        }
        if length > self.most {
            broken.push(("maxLength", self.most.to_string()));
        }
        if let Some((pattern, _)) = self.pattern.as_ref().filter(|_| !self.is_of_pattern(value)) {
            broken.push((PATTERN, pattern.to_string()));
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keywords::change_each;

    #[test]
    fn what_is_said_of_texts_is_merged_wherever_it_stands() {
        let mut schema = json!({
            "properties": { "maxLength": { "type": "string", "maxLength": 3, "format": "date" }, "b": { "type": ["string", "null"], "pattern": "^a$" } },
            "items": { "pattern": "^(aa|b)$", "minLength": 1 },
            "enum": [{ "maxLength": 1 }],
            "allOf": [{ "type": "string" }, { "pattern": "(a)" }],
        });
        change_each(&mut schema, &mut merge);
        let expected = json!({
            "properties": { "maxLength": { "format": "date", "text": { "type": "string", "maxLength": 3 } }, "b": { "type": ["string", "null"], "text": { "pattern": "^a$" } } },
            "items": { "pattern": "^(aa|b)$", "text": { "minLength": 1 } },
            "enum": [{ "maxLength": 1 }],
            "allOf": [{ "type": "string" }, { "pattern": "(a)" }],
        });
        assert_eq!(schema, expected);
    }
}
