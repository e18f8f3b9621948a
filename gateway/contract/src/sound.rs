//! Whether Schema Objects are what the standards let them be.

use serde_json::{Map, Value};

use crate::decimal::{Decimal, MOST_DIVISOR_DIGITS};
use crate::digits::written;
use crate::lower::Lowering;
use crate::names::is_numeral;
use crate::rule;
use crate::source::child;
use crate::version::Version;

/// How values may be written as XML.
const NODE_TYPES: [&str; 5] = ["element", "attribute", "text", "cdata", "none"];

impl Lowering<'_, '_> {
    /// Against the metaschema of 2020-12: each fault stands at the keyword that is wrong.
    pub(crate) fn check(&self, lowered: &Value, pointer: &str) {
        for error in jsonschema::draft202012::meta::validator().iter_errors(lowered) {
            let at = format!("{pointer}{}", error.instance_path());
            let keyword = keyword_at(&at);
            let reason = match keyword {
                "type" => "names no type of JSON Schema".into(),
                _ => rule::of(error.kind()).message,
            };
            self.source.error(&at, format!("not a valid schema: `{keyword}` {reason}"));
        }
    }

    /// What a schema calls itself (JSON Schema 2020-12 core §8.2.1, §8.2.2).
    pub(crate) fn check_names(&self, members: &Map<String, Value>, at: &str) {
        for keyword in ["$anchor", "$dynamicAnchor"] {
            let is_name = |name: &str| {
                name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            };
            if members.get(keyword).is_some_and(|name| !name.as_str().is_some_and(is_name)) {
                let hint = "a letter or `_`, then letters, digits, `-`, `_` and `.`";
                self.source.error_with_hint(&child(at, keyword), format!("this cannot be an `{keyword}`"), hint);
            }
        }
        let has_fragment = |id: &str| id.split_once('#').is_some_and(|(_, fragment)| !fragment.is_empty());
        if members.get("$id").is_some_and(|id| id.as_str().is_none_or(has_fragment)) {
            self.source.error_with_hint(&child(at, "$id"), "an `$id` is a URI without a fragment", "a part of it has an `$anchor`");
        }
    }

    /// How a value is written as XML from OpenAPI 3.2 on (§4.25.1): in one way, of those that there are.
    pub(crate) fn check_xml(&self, raw: &Value, at: &str) {
        let Some(own) = raw.get("xml").filter(|_| self.version == Version::V32) else { return };
        let Some(kind) = own.get("nodeType") else { return };
        let at = child(at, "xml");
        if !kind.as_str().is_some_and(|kind| NODE_TYPES.contains(&kind)) {
            let message = format!("`nodeType` should be one of {}", NODE_TYPES.join(", "));
            self.source.error(&child(&at, "nodeType"), message);
        }
        for older in ["attribute", "wrapped"].into_iter().filter(|older| own.get(*older).is_some()) {
            self.source.error_with_hint(&child(&at, older), format!("`{older}` beside `nodeType`"), "leave it out: `nodeType` says it");
        }
    }

    /// What others are to be multiples of (see [`Decimal::may_divide`]).
    pub(crate) fn check_divisor(&self, lowered: &Map<String, Value>, at: &str) {
        if written(lowered, "/multipleOf").is_some_and(|divisor| !Decimal::read(&divisor).may_divide()) {
            let message = format!("a divisor may have {MOST_DIVISOR_DIGITS} digits");
            self.source.error(&child(at, "multipleOf"), message);
        }
    }
}

/// The keyword that a pointer into a schema leads to, with the position in what it lists.
fn keyword_at(pointer: &str) -> &str {
    let name = |pointer: &str| pointer.rfind('/').map_or(0, |at| at + 1);
    let last = name(pointer);
    let is_position = is_numeral(&pointer[last..]) && last > 0;
    &pointer[if is_position { name(&pointer[..last - 1]) } else { last }..]
}
