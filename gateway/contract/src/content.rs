//! Media Type Objects, and what is in them: headers and encodings.

use serde_json::Value;

use crate::described::{DescribedEncoding, DescribedMedia, DescribedParameter, Reader};
use crate::media::MediaRange;
use crate::read31;
use crate::source::child;
use crate::version::Version;

/// What says how the parts of a body are written that have no names.
const BY_POSITION: [&str; 2] = ["prefixEncoding", "itemEncoding"];

impl<'a> Reader<'_, 'a> {
    /// The media types that the `content` of an object lists.
    pub(crate) fn content(&self, pointer: &str, names: Vec<String>) -> Vec<DescribedMedia> {
        let content = child(pointer, "content");
        names.into_iter().filter_map(|name| self.described_media(&content, name)).collect()
    }

    pub(crate) fn described_media(&self, content: &str, name: String) -> Option<DescribedMedia> {
        let Some(range) = MediaRange::parse(&name) else {
            self.source.error(&child(content, &name), format!("`{name}` is no media type"));
            return None;
        };
        if range.is_nothing() {
            let hint = "list the types that are meant, or `application/*`";
            self.source.warning(&child(content, &name), format!("no message is of `{name}`, which is neither a type nor a range"), hint);
        }
        let (at, raw) = self.media(content, &name)?;
        if range.is_multipart() {
            let hint = "only `multipart/form-data` is looked into, with `encoding`";
            self.refuse(raw, &at, &BY_POSITION, "is of parts without names, which are not read", hint);
        }
        let has_fields = range.is_form() || range.is_multipart_form();
        let encodings = if has_fields { self.encodings(raw, &at) } else { Vec::new() };
        Some(DescribedMedia { name, range, schema: schema_of(raw, &at), encodings })
    }

    /// The Media Type Object under a name of a `content`, references followed.
    fn media(&self, content: &str, name: &str) -> Option<(String, &'a Value)> {
        let (at, raw) = self.source.follow(&child(content, name))?;
        let hint = "describe all of the content under `schema`, or leave out what it holds";
        self.refuse(raw, &at, &["itemSchema"], "is of streams, which are not read item by item", hint);
        Some((at, raw))
    }

    /// Refuses what OpenAPI 3.2 says of bodies and nothing here looks at: a document that is taken is kept.
    fn refuse(&self, raw: &Value, at: &str, fields: &[&str], reason: &str, hint: &str) {
        for field in fields.iter().filter(|field| self.version == Version::V32 && raw.get(field).is_some()) {
            self.source.error_with_hint(&child(at, field), format!("`{field}` {reason}"), hint);
        }
    }
}

/// Not a document's to describe (OpenAPI 3.0.4 §4.7.17).
const CONTENT_TYPE: &str = "content-type";

/// Its lines are never one value (RFC 9110 §5.3), and a gateway need not let it pass.
const SET_COOKIE: &str = "set-cookie";

impl Reader<'_, '_> {
    /// Header Objects, which are parameters that have their names elsewhere.
    pub(crate) fn headers(&self, names: &[String], pointer: &str) -> Vec<DescribedParameter> {
        let names = names.iter().filter(|name| !name.eq_ignore_ascii_case(CONTENT_TYPE));
        let header = |name: &String| {
            let (at, raw) = self.source.follow(&child(pointer, name))?;
            let parts = self.keep(&at, "a header", read31::header(raw, name))?;
            if name.eq_ignore_ascii_case(SET_COOKIE) {
                let hint = "cookies are upstreams' own; whether they reach callers is the configuration's to say";
                self.source.warning(&at, "`Set-Cookie` is not held against what is said of it", hint);
                return None;
            }
            self.with_schema(at, raw, parts)
        };
        names.filter_map(header).collect()
    }

    /// The Encoding Objects of a media type.
    fn encodings(&self, raw: &Value, pointer: &str) -> Vec<DescribedEncoding> {
        let encoding = |(field, raw, at): (&str, &Value, String)| {
            let parts = self.keep(&at, "an encoding", read31::encoding(raw))?;
            let hint = "say under `contentType` what the part is, and nothing of what is in it";
            self.refuse(raw, &at, &["encoding", BY_POSITION[0], BY_POSITION[1]], "within an encoding is not read", hint);
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

/// The pointer of the schema of an object that stands at a pointer, where it has one.
pub(crate) fn schema_of(raw: &Value, at: &str) -> Option<String> {
    raw.get("schema").map(|_| child(at, "schema"))
}
