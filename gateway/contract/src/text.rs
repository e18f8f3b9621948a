//! What schemas say of texts, in one look: that they are texts, how long they are, and simple patterns.
//!
//! Most values are short texts, and most of what is said of them are a length and a pattern such as `^[0-9]{5}$`. Each is a keyword of its
//! own, with its own look at the text; here they are one, and a pattern that needs no engine has none.

use std::fmt::Display;

use jsonschema::json::Node as _;
use jsonschema::{JsonType, Keyword, ValidationError};
use serde_json::{Map, Value};

use crate::instance::{Arena, Instance, characters};
use crate::keywords::each_in;
use crate::own::{PATTERN, broken};
use crate::pattern::Simple;

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
            return self.is_match(text);
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
        let mut found = Vec::new();
        let mut breaks = |keyword: &str, asked: &dyn Display| found.push(broken(keyword, asked));
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
                breaks(PATTERN, pattern);
            }
        } else if self.only {
            breaks("type", &"string");
        }
        Box::new(found.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
