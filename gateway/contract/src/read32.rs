//! OpenAPI 3.2, where its objects are not those of 3.1.

use serde_json::Value;

use crate::described::{Location, ParameterParts};
use crate::parameter::Style;
use crate::read31;

pub(crate) fn parameter(raw: &Value) -> Result<ParameterParts, String> {
    let says = |name: &str, word: &str| raw.get(name).and_then(Value::as_str) == Some(word);
    if says("in", "cookie") && says("style", "cookie") {
        return read31::parameter_of(raw, Location::Cookie, Style::Cookie);
    }
    read31::parameter(raw)
}
