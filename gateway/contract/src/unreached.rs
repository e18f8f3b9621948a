//! Components that no operation leads to. They do no harm, and whoever wrote them wants to know what is wrong in them: a warning.

use serde_json::Value;

use crate::described::{DescribedAnswer, DescribedMedia, DescribedParameter, Reader, StatusKey};
use crate::lower::Lowering;
use crate::source::child;

/// What is said of their faults.
const HINT: &str = "no operation leads to this: mend it, or take it out";

/// The components that schemas stand in, beside schemas themselves.
const AROUND_SCHEMAS: [&str; 4] = ["parameters", "headers", "requestBodies", "responses"];

/// Reads what was not led to, and lowers its schemas; nothing of it is kept.
pub(crate) fn check(reader: &Reader<'_, '_>, lowering: Lowering<'_, '_>) {
    let source = reader.source;
    let known = source.found();
    let components = source.root().get("components").unwrap_or(&Value::Null);
    let mut schemas = Vec::new();
    for section in AROUND_SCHEMAS {
        for (name, _, pointer) in source.members(components, "/components", section) {
            if !source.is_reached(&pointer) {
                schemas.extend(schemas_of(reader, section, name, &pointer));
            }
        }
    }
    schemas.extend(source.members(components, "/components", "schemas").into_iter().map(|(_, _, pointer)| pointer));
    lowering.check_others(schemas);
    for (section, members) in components.as_object().into_iter().flatten() {
        let names = members.as_object().into_iter().flat_map(serde_json::Map::keys);
        for name in names.filter(|name| !is_name(name) && !section.starts_with("x-")) {
            let at = child(&child("/components", section), name);
            source.error_with_hint(&at, format!("`{name}` cannot be the name of a component"), "letters, digits, `.`, `-` and `_`");
        }
    }
    source.soften(known, HINT);
}

/// The schemas of a component, which is read for that.
fn schemas_of(reader: &Reader<'_, '_>, section: &str, name: &str, pointer: &str) -> Vec<String> {
    let Some((at, _)) = reader.source.follow(pointer) else { return Vec::new() };
    let of_answer = |answer: DescribedAnswer| {
        let headers = answer.headers.into_iter().flat_map(of_parameter);
        headers.chain(of_content(answer.content)).collect()
    };
    match section {
        "parameters" => reader.parameter(&at).map(of_parameter),
        "headers" => reader.headers(&[name.to_owned()], "/components/headers").pop().map(of_parameter),
        "requestBodies" => reader.body(&at).map(|body| of_content(body.content)),
        _ => reader.answer(StatusKey::Default, &at).map(of_answer),
    }
    .unwrap_or_default()
}

fn of_parameter(parameter: DescribedParameter) -> Vec<String> {
    parameter.schema.into_iter().collect()
}

fn of_content(content: Vec<DescribedMedia>) -> Vec<String> {
    let of_media = |media: DescribedMedia| {
        let headers = media.encodings.into_iter().flat_map(|encoding| encoding.headers).flat_map(of_parameter);
        media.schema.into_iter().chain(headers).collect::<Vec<_>>()
    };
    content.into_iter().flat_map(of_media).collect()
}

/// OpenAPI 3.0.4 §4.7.7.1.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}
