//! Media Type Objects, and what is in them: headers and encodings.

use serde_json::Value;

use crate::described::{DescribedEncoding, DescribedMedia, DescribedParameter, Reader};
use crate::media::MediaRange;
use crate::read31;
use crate::source::child;

impl Reader<'_, '_> {
    pub(crate) fn content(&self, raw: &Value, pointer: &str, names: Vec<String>) -> Vec<DescribedMedia> {
        let at = child(pointer, "content");
        let media = |name: String| {
            let Some(range) = MediaRange::parse(&name) else {
                self.source.error(&child(&at, &name), format!("`{name}` is no media type"));
                return None;
            };
            let schema = schema_of(raw, &at, &name);
            let encodings =
                if range.is_form() || range.is_multipart_form() { self.encodings(raw, &child(&at, &name), &name) } else { Vec::new() };
            Some(DescribedMedia { name, range, schema, encodings })
        };
        names.into_iter().filter_map(media).collect()
    }
}

/// Headers that are not a document's to describe (OpenAPI 3.0.4 §4.7.17), or that cannot be one value.
const NOT_DESCRIBED: [&str; 2] = ["content-type", "set-cookie"];

impl Reader<'_, '_> {
    /// Header Objects, which are parameters that have their names elsewhere.
    pub(crate) fn headers(&self, names: &[String], pointer: &str) -> Vec<DescribedParameter> {
        let names = names.iter().filter(|name| !NOT_DESCRIBED.iter().any(|other| name.eq_ignore_ascii_case(other)));
        let header = |name: &String| {
            let (at, raw) = self.source.follow(&child(pointer, name))?;
            let parts = self.keep(&at, "a header", read31::header(raw, name))?;
            self.with_schema(at, raw, parts)
        };
        names.filter_map(header).collect()
    }

    /// The Encoding Objects of a media type.
    fn encodings(&self, raw: &Value, pointer: &str, media: &str) -> Vec<DescribedEncoding> {
        let Some(raw) = raw.get("content").and_then(|content| content.get(media)) else { return Vec::new() };
        let encoding = |(field, raw, at): (&str, &Value, String)| {
            let parts = self.keep(&at, "an encoding", read31::encoding(raw))?;
            let types = parts.types.iter().filter_map(|name| {
                let range = MediaRange::parse(name);
                if range.is_none() {
                    self.source.error(&child(&at, "contentType"), format!("`{name}` is no media type"));
                }
                range
            });
            Some(DescribedEncoding {
                field: field.to_owned(),
                types: types.collect(),
                headers: self.headers(&parts.headers, &child(&at, "headers")),
                style: parts.style,
                explode: parts.explode,
                allow_reserved: parts.allow_reserved,
                pointer: at,
            })
        };
        self.source.members(raw, pointer, "encoding").into_iter().filter_map(encoding).collect()
    }
}

/// The pointer of the schema of a media type, where it has one.
pub(crate) fn schema_of(raw: &Value, content: &str, media: &str) -> Option<String> {
    raw.get("content")?.get(media)?.get("schema").map(|_| child(&child(content, media), "schema"))
}
