//! OpenAPI 3.1 and most of 3.2, read by hand: its objects differ from 3.0's in their schemas, which are not read here.

use serde_json::Value;

use crate::described::{AnswerParts, BodyParts, Location, ParameterParts, StatusKey};
use crate::parameter::Style;

const NEITHER: &str = "it has neither `schema` nor `content`";

pub(crate) fn operation_id(raw: &Value) -> Result<Option<String>, String> {
    mapping(raw)?;
    text(raw, "operationId")
}

pub(crate) fn parameter(raw: &Value) -> Result<ParameterParts, String> {
    let location = match text(raw, "in")?.as_deref() {
        Some("path") => Location::Path,
        Some("query") => Location::Query,
        Some("header") => Location::Header,
        Some("cookie") => Location::Cookie,
        Some(other) => return Err(format!("`in` is `{other}`")),
        None => return Err("missing field `in`".into()),
    };
    let style = match text(raw, "style")? {
        None if matches!(location, Location::Query | Location::Cookie) => Style::Form,
        None => Style::Simple,
        Some(style) => Style::named(&style)
            .filter(|style| style.is_of(location))
            .ok_or_else(|| format!("no parameter in `{location}` has the style `{style}`"))?,
    };
    parameter_of(raw, location, style)
}

/// What a Parameter Object says beside where it stands and how it is written.
pub(crate) fn parameter_of(raw: &Value, location: Location, style: Style) -> Result<ParameterParts, String> {
    let name = text(raw, "name")?.ok_or("missing field `name`")?;
    let content = names(raw, "content")?;
    if content.is_empty() && raw.get("schema").is_none() {
        return Err(NEITHER.into());
    }
    Ok(ParameterParts {
        name,
        location,
        required: flag(raw, "required")?.unwrap_or_default(),
        style,
        explode: flag(raw, "explode")?,
        allow_empty: flag(raw, "allowEmptyValue")?.unwrap_or_default(),
        allow_reserved: flag(raw, "allowReserved")?.unwrap_or_default(),
        deprecated: flag(raw, "deprecated")?.unwrap_or_default(),
        content,
    })
}

/// A Header Object, which is the same in every version.
pub(crate) fn header(raw: &Value, name: &str) -> Result<ParameterParts, String> {
    mapping(raw)?;
    let content = names(raw, "content")?;
    if content.is_empty() && raw.get("schema").is_none() {
        return Err(NEITHER.into());
    }
    if let Some(style) = text(raw, "style")?.filter(|style| style != "simple") {
        return Err(format!("a header has the style `simple`, not `{style}`"));
    }
    Ok(ParameterParts {
        name: name.to_owned(),
        location: Location::Header,
        required: flag(raw, "required")?.unwrap_or_default(),
        style: Style::Simple,
        explode: flag(raw, "explode")?,
        allow_empty: false,
        allow_reserved: false,
        deprecated: flag(raw, "deprecated")?.unwrap_or_default(),
        content,
    })
}

/// What an Encoding Object says, which is the same in every version.
pub(crate) struct EncodingParts {
    pub(crate) types: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) style: Option<Style>,
    pub(crate) explode: Option<bool>,
    pub(crate) allow_reserved: bool,
}

pub(crate) fn encoding(raw: &Value) -> Result<EncodingParts, String> {
    mapping(raw)?;
    let style = text(raw, "style")?.map(|style| {
        let read = Style::named(&style).filter(|style| style.is_of(Location::Query));
        read.ok_or_else(|| format!("no field of a form has the style `{style}`"))
    });
    let types = text(raw, "contentType")?.unwrap_or_default();
    Ok(EncodingParts {
        types: types.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        headers: names(raw, "headers")?,
        style: style.transpose()?,
        explode: flag(raw, "explode")?,
        allow_reserved: flag(raw, "allowReserved")?.unwrap_or_default(),
    })
}

pub(crate) fn body(raw: &Value) -> Result<BodyParts, String> {
    mapping(raw)?;
    Ok(BodyParts { required: flag(raw, "required")?.unwrap_or_default(), content: names(raw, "content")? })
}

pub(crate) fn status(key: &str) -> Option<StatusKey> {
    match key.as_bytes() {
        b"default" => Some(StatusKey::Default),
        [class @ b'1'..=b'5', b'X' | b'x', b'X' | b'x'] => Some(StatusKey::Range(u16::from(class - b'0'))),
        [b'1'..=b'9', _, _] => key.parse().ok().map(StatusKey::Code),
        _ => None,
    }
}

pub(crate) fn answer(raw: &Value) -> Result<AnswerParts, String> {
    mapping(raw)?;
    Ok(AnswerParts { content: names(raw, "content")?, headers: names(raw, "headers")? })
}

fn mapping(raw: &Value) -> Result<(), String> {
    if raw.is_object() { Ok(()) } else { Err("it should be a mapping".into()) }
}

pub(crate) fn text(raw: &Value, name: &str) -> Result<Option<String>, String> {
    match raw.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` should be text")),
    }
}

pub(crate) fn flag(raw: &Value, name: &str) -> Result<Option<bool>, String> {
    match raw.get(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(format!("`{name}` should be true or false")),
    }
}

pub(crate) fn names(raw: &Value, name: &str) -> Result<Vec<String>, String> {
    match raw.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Object(members)) => Ok(members.keys().cloned().collect()),
        Some(_) => Err(format!("`{name}` should be a mapping")),
    }
}
