//! OpenAPI 3.2, where its objects are not those of 3.1.

use serde_json::Value;

use crate::described::{Location, ParameterParts};
use crate::parameter::Style;
use crate::read31::{self, flag, names, parameter_of};

pub(crate) fn parameter(raw: &Value) -> Result<ParameterParts, String> {
    if says(raw, "in", "cookie") && says(raw, "style", "cookie") {
        return parameter_of(raw, Location::Cookie, Style::Cookie);
    }
    read31::parameter(raw)
}

/// Whether a Parameter Object is of the whole query.
pub(crate) fn is_whole_query(raw: &Value) -> bool {
    says(raw, "in", "querystring")
}

/// What a Parameter Object says of the whole query. Its name is written nowhere.
pub(crate) struct QueryParts {
    pub(crate) required: bool,
    pub(crate) deprecated: bool,
    pub(crate) content: Vec<String>,
}

pub(crate) fn whole_query(raw: &Value) -> Result<QueryParts, String> {
    if let Some(field) = ["schema", "style", "explode", "allowReserved"].iter().find(|field| raw.get(field).is_some()) {
        return Err(format!("in `querystring` it has `content`, and no `{field}`"));
    }
    Ok(QueryParts {
        required: flag(raw, "required")?.unwrap_or_default(),
        deprecated: flag(raw, "deprecated")?.unwrap_or_default(),
        content: names(raw, "content")?,
    })
}

fn says(raw: &Value, name: &str, word: &str) -> bool {
    raw.get(name).and_then(Value::as_str) == Some(word)
}
