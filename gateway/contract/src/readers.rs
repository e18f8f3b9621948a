//! How bodies of the media types that a document lists are read.

use std::sync::Arc;

use serde_json::Value;

use crate::body::{BodyReader, BodySchema};
use crate::compile::Compiler;
use crate::definitions::SchemaId;
use crate::described::{DescribedEncoding, DescribedMedia};
use crate::fields::{Field, Fields};
use crate::lower::Variant;
use crate::media::MediaRange;
use crate::parameter::{Kinds, Plan, Shape, Spoken, Style, Syntax, View, Written};
use crate::version::Version;

/// How deep a schema is looked into that may let everything pass.
const DEEPEST: usize = 16;

impl Compiler<'_, '_, '_> {
    /// What a document says of the bodies of a media type; `None` where that is nothing, or nothing that is read here.
    pub(crate) fn body_schema(&self, variant: Variant, media: &DescribedMedia) -> Option<BodySchema> {
        let id = self.id(variant, media.schema.as_ref())?;
        let reader = self.reader(variant, media, id)?;
        Some(BodySchema { schema: self.schemas.get(variant, id)?, reader })
    }

    fn reader(&self, variant: Variant, media: &DescribedMedia, id: SchemaId) -> Option<BodyReader> {
        let schema = self.lowering.definitions[id].schema(variant);
        let plan = || Plan::of(schema, self.view(variant));
        let range = &media.range;
        if range.is_json() {
            return Some(BodyReader::Json);
        }
        if range.is_wide() && !range.is_text() {
            if schema.get("format").and_then(Value::as_str) == Some("byte") {
                self.unread(media, ": `byte` is base64 of what is sent as text, and under a range most often any bytes");
                return None;
            }
            let mut known = self.fields.borrow_mut();
            return Some(BodyReader::Any(known.entry((variant, id)).or_insert_with(|| Arc::new(self.fields(plan(), &[]))).clone()));
        }
        if range.is_form() {
            return Some(BodyReader::Form(self.fields(plan(), &media.encodings)));
        }
        if range.is_multipart_form() {
            let plan = plan();
            let is_of_xml = |encoding: &&DescribedEncoding| {
                let is_structured = plan.member(&encoding.field).is_some_and(Plan::may_be_object);
                is_structured && encoding.types.iter().any(MediaRange::is_xml)
            };
            if let Some(encoding) = media.encodings.iter().find(is_of_xml) {
                self.unread(media, &format!(": its part `{}` is XML", encoding.field));
                return None;
            }
            self.parts_have_types(&media.encodings);
            return Some(BodyReader::Multipart(self.fields(plan, &media.encodings)));
        }
        // A text of which nothing says how it is written as XML is the document itself.
        let is_opaque = || Kinds::of_all(&[Spoken::alone(schema)], self.view(variant)) == Kinds::STRING && schema.get("xml").is_none();
        if range.is_xml() && !is_opaque() {
            let root = self.xml.borrow_mut().plan(self.view(variant), id);
            return root.map(BodyReader::Xml).map_err(|reason| self.unread(media, &format!(": {reason}"))).ok();
        }
        let is_text = range.is_text() || range.is_json_stream();
        if range.is_multipart() || (is_text && !plan().kinds.has_scalars()) {
            self.unread(media, "");
            return None;
        }
        if range.is_text() {
            // Any text will do: then it need not be held to be read.
            return (!self.is_any_text(variant, schema, 0)).then(|| BodyReader::Text(plan()));
        }
        let plan = plan();
        if self.is_any_text(variant, schema, 0) {
            return None;
        }
        if !plan.kinds.has_scalars() {
            self.unread(media, "");
            return None;
        }
        Some(BodyReader::Opaque(plan))
    }

    /// Whether a schema lets every text pass, and every file.
    fn is_any_text(&self, variant: Variant, schema: &Value, depth: usize) -> bool {
        let Some(keywords) = schema.as_object().filter(|_| depth < DEEPEST) else { return *schema == Value::Bool(true) };
        let is_any = |schema: &Value| self.is_any_text(variant, schema, depth + 1);
        keywords.iter().all(|(keyword, value)| match keyword.as_str() {
            "type" => value == "string",
            "format" => value == "binary",
            "$ref" => View::target(keywords).is_some_and(|id| is_any(self.view(variant).schema(id))),
            "allOf" => value.as_array().is_some_and(|branches| branches.iter().all(is_any)),
            _ => false,
        })
    }

    /// From 3.1 on the parts of a form may be written in a style (OpenAPI 3.1.1 §4.8.15.1.2), which nobody does: a part says what it is.
    fn parts_have_types(&self, encodings: &[DescribedEncoding]) {
        let is_styled = |encoding: &&DescribedEncoding| encoding.style.is_some() || encoding.explode.is_some() || encoding.allow_reserved;
        for encoding in encodings.iter().filter(|encoding| self.lowering.version > Version::V30 && is_styled(encoding)) {
            let message = format!("the part `{}` is read by its media type, and in no style", encoding.field);
            self.source.warning(&encoding.pointer, message, "say what it is: `contentType`");
        }
    }

    fn unread(&self, media: &DescribedMedia, reason: &str) {
        // Of a type that is not read at all one warning says as much as thousands.
        if reason.is_empty() && !self.unread.borrow_mut().insert(media.name.clone()) {
            return;
        }
        let hint = "its media type is looked at, and its size";
        let place = media.schema.as_deref().unwrap_or_default();
        self.source.warning(place, format!("a body of `{}` is not held against its schema{reason}", media.name), hint);
    }

    /// The fields of a form, each with what an Encoding Object says of it.
    pub(crate) fn fields(&self, mut plan: Plan, encodings: &[DescribedEncoding]) -> Fields {
        for encoding in encodings.iter().filter(|encoding| plan.member(&encoding.field).is_none()) {
            let hint = "an encoding is of a property of the schema";
            self.source.warning(&encoding.pointer, format!("the schema has no property `{}`", encoding.field), hint);
        }
        let members = std::mem::take(&mut plan.members);
        let names: Vec<Box<str>> = members.iter().map(|(name, _)| name.clone()).collect();
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let field = |(name, own): (Box<str>, Plan)| {
            let encoding = encodings.iter().find(|encoding| *encoding.field == *name);
            let headers = encoding.map(|encoding| encoding.headers.as_slice()).unwrap_or_default();
            Field {
                written: written(&name, own, encoding, &names),
                types: encoding.map(|encoding| encoding.types.clone()).unwrap_or_default(),
                headers: headers.iter().filter_map(|header| self.parameter(Variant::Request, header, &[])).collect(),
            }
        };
        Fields { list: members.into_iter().map(field).collect(), plan }
    }
}

/// A field as it would be written in a query. Objects are JSON, unless a style is said (OpenAPI 3.0.4 §4.7.15.1.1).
fn written(name: &str, plan: Plan, encoding: Option<&DescribedEncoding>, names: &[&str]) -> Written {
    let said = encoding.filter(|encoding| encoding.style.is_some() || encoding.explode.is_some() || encoding.allow_reserved);
    let json = |syntax: &Syntax| match syntax {
        Syntax::Styled(Shape::Record) => Syntax::Json,
        Syntax::Styled(Shape::List) if plan.items().is_object() => Syntax::JsonItems,
        syntax => *syntax,
    };
    let styled = Syntax::of(&plan);
    let syntaxes = if said.is_some() { styled } else { styled.iter().map(json).collect() };
    let style = said.and_then(|encoding| encoding.style).unwrap_or(Style::Form);
    let mut written = Written::new(name, style, said.and_then(|encoding| encoding.explode), syntaxes, plan, names);
    written.allow_reserved = said.is_some_and(|encoding| encoding.allow_reserved);
    written
}
