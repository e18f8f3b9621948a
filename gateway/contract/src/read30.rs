//! OpenAPI 3.0, read through the types of `openapiv3`.
//!
//! Schemas are taken out before: those types drop keywords that they do not know, and the validators need every one. So are
//! examples, which documents get wrong without harm.

use openapiv3::{CookieStyle, HeaderStyle, PathStyle};
use openapiv3::{Operation, Parameter, ParameterSchemaOrContent, QueryStyle, RequestBody, Response, Responses, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::described::{AnswerParts, BodyParts, Location, ParameterParts, StatusKey};
use crate::parameter::Style;

pub(crate) fn operation_id(raw: &Value) -> Result<Option<String>, String> {
    let id = raw.as_object().ok_or("it should be a mapping")?.get("operationId").cloned();
    let mut own = Map::from_iter([("responses".to_owned(), json!({}))]);
    own.extend(id.map(|id| ("operationId".to_owned(), id)));
    read::<Operation>(own).map(|operation| operation.operation_id)
}

pub(crate) fn parameter(raw: &Value) -> Result<ParameterParts, String> {
    let own = read::<Parameter>(skeleton(raw)?)?;
    let (style, location) = match &own {
        Parameter::Query { style, .. } => (
            match style {
                QueryStyle::Form => Style::Form,
                QueryStyle::SpaceDelimited => Style::SpaceDelimited,
                QueryStyle::PipeDelimited => Style::PipeDelimited,
                QueryStyle::DeepObject => Style::DeepObject,
            },
            Location::Query,
        ),
        Parameter::Header { style: HeaderStyle::Simple, .. } => (Style::Simple, Location::Header),
        Parameter::Path { style, .. } => (
            match style {
                PathStyle::Simple => Style::Simple,
                PathStyle::Label => Style::Label,
                PathStyle::Matrix => Style::Matrix,
            },
            Location::Path,
        ),
        Parameter::Cookie { style: CookieStyle::Form, .. } => (Style::Form, Location::Cookie),
    };
    let allow_reserved = matches!(own, Parameter::Query { allow_reserved: true, .. });
    let allow_empty = matches!(own, Parameter::Query { allow_empty_value: Some(true), .. });
    let data = own.parameter_data();
    let content = match &data.format {
        ParameterSchemaOrContent::Schema(_) => Vec::new(),
        ParameterSchemaOrContent::Content(content) => content.keys().cloned().collect(),
    };
    Ok(ParameterParts {
        name: data.name.clone(),
        location,
        required: data.required,
        style,
        explode: data.explode,
        allow_empty,
        allow_reserved,
        deprecated: data.deprecated.unwrap_or_default(),
        content,
    })
}

pub(crate) fn body(raw: &Value) -> Result<BodyParts, String> {
    let body: RequestBody = read(skeleton(raw)?)?;
    Ok(BodyParts { required: body.required, content: body.content.into_keys().collect() })
}

pub(crate) fn status(key: &str) -> Option<StatusKey> {
    let one = Map::from_iter([(key.to_owned(), json!({"description": ""}))]);
    let responses: Responses = read(one).ok()?;
    match responses.responses.keys().next() {
        Some(StatusCode::Code(code)) => Some(StatusKey::Code(*code)),
        Some(StatusCode::Range(class)) => Some(StatusKey::Range(*class)),
        None => responses.default.map(|_| StatusKey::Default),
    }
}

pub(crate) fn answer(raw: &Value) -> Result<AnswerParts, String> {
    let mut own = without(raw, &["headers", "links"])?;
    strip_content(&mut own);
    // Required by the letter, and missing in many a published document; nothing here depends on it.
    own.entry("description").or_insert_with(|| "".into());
    let response: Response = read(own)?;
    let headers = raw.get("headers").and_then(Value::as_object);
    Ok(AnswerParts {
        content: response.content.into_keys().collect(),
        headers: headers.map(|headers| headers.keys().cloned().collect()).unwrap_or_default(),
    })
}

fn read<T: DeserializeOwned>(raw: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(raw)).map_err(|error| error.to_string())
}

/// The object with an empty schema wherever it has one, and without examples.
fn skeleton(raw: &Value) -> Result<Map<String, Value>, String> {
    let mut own = without(raw, &["example", "examples"])?;
    if let Some(schema) = own.get_mut("schema") {
        *schema = json!({});
    }
    strip_content(&mut own);
    Ok(own)
}

fn strip_content(own: &mut Map<String, Value>) {
    if let Some(Value::Object(content)) = own.get_mut("content") {
        for media in content.values_mut().filter(|media| media.is_object()) {
            *media = json!({});
        }
    }
}

fn without(raw: &Value, names: &[&str]) -> Result<Map<String, Value>, String> {
    let members = raw.as_object().ok_or("it should be a mapping")?;
    let kept = members.iter().filter(|(name, _)| !names.contains(&name.as_str()) && !name.starts_with("x-"));
    let copy = |(name, value): (&String, &Value)| {
        let value = if matches!(name.as_str(), "content" | "schema") { shallow(value) } else { value.clone() };
        (name.clone(), value)
    };
    Ok(kept.map(copy).collect())
}

/// A copy that holds nothing deep: what is inside is read elsewhere.
fn shallow(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let empty = |value: &Value| if value.is_object() { json!({}) } else { value.clone() };
    members.iter().map(|(name, value)| (name.clone(), empty(value))).collect::<Map<_, _>>().into()
}
