//! How bodies of the media types that a document lists are read.

use serde_json::Value;

use crate::body::{BodySchema, Reader};
use crate::compile::Compiler;
use crate::described::{DescribedEncoding, DescribedMedia, Location};
use crate::fields::{Field, Fields};
use crate::lower::{SchemaId, Variant};
use crate::parameter::{Form, Parameter, Plan, Shape, Style};

impl Compiler<'_, '_, '_> {
    /// What a document says of the bodies of a media type; `None` where that is nothing, or nothing that is read here.
    pub(crate) fn body_schema(&self, variant: Variant, media: &DescribedMedia) -> Option<BodySchema> {
        let id = self.id(variant, media.schema.as_ref())?;
        let reader = self.reader(variant, media, id)?;
        Some(BodySchema { schema: self.schemas.get(variant, id)?, reader })
    }

    fn reader(&self, variant: Variant, media: &DescribedMedia, id: SchemaId) -> Option<Reader> {
        let schema = self.lowering.definitions[id].schema(variant);
        let plan = || Plan::of(schema, self.lowering);
        let range = &media.range;
        if range.is_json() {
            return Some(Reader::Json);
        }
        if range.is_wide() && !range.is_text() {
            return Some(Reader::Any(self.fields(plan(), &[])));
        }
        if range.is_form() {
            return Some(Reader::Form(self.fields(plan(), &media.encodings)));
        }
        if range.is_multipart_form() {
            return Some(Reader::Multipart(self.fields(plan(), &media.encodings)));
        }
        let is_unread = range.is_xml() || range.is_multipart() || (range.is_text() && !plan().kinds.has_scalars());
        if is_unread {
            let hint = "its media type is looked at, and its size";
            let place = media.schema.as_deref().unwrap_or_default();
            self.source.warning(place, format!("a body of `{}` is not held against its schema", media.name), hint);
            return None;
        }
        if range.is_text() {
            // Any text will do: then it need not be held to be read.
            return (!is_any_text(schema)).then(|| Reader::Text(plan()));
        }
        let plan = plan();
        // Of what is neither text nor structured only the length can be bounded.
        if plan.is_binary {
            return plan.is_bounded.then_some(Reader::Bytes);
        }
        (plan.kinds.has_scalars() && !is_any_text(schema)).then_some(Reader::Opaque(plan))
    }

    /// The fields of a form, each with what an Encoding Object says of it.
    fn fields(&self, plan: Plan, encodings: &[DescribedEncoding]) -> Fields {
        for encoding in encodings.iter().filter(|encoding| plan.member(&encoding.field).is_none()) {
            let hint = "an encoding is of a property of the schema";
            self.source.warning(&encoding.pointer, format!("the schema has no property `{}`", encoding.field), hint);
        }
        let names: Vec<&str> = plan.members.iter().map(|(name, _)| &**name).collect();
        let list = plan.members.iter().map(|(name, own)| {
            let encoding = encodings.iter().find(|encoding| *encoding.field == **name);
            let headers = encoding.map(|encoding| encoding.headers.as_slice()).unwrap_or_default();
            Field {
                parameter: field(name, own, encoding, &names),
                types: encoding.map(|encoding| encoding.types.clone()).unwrap_or_default(),
                headers: headers.iter().filter_map(|header| self.parameter(Variant::Request, header, &[])).collect(),
            }
        });
        Fields { list: list.collect(), plan }
    }
}

/// Whether a schema lets every text pass.
fn is_any_text(schema: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return *schema == Value::Bool(true) };
    keywords.iter().all(|(keyword, value)| match keyword.as_str() {
        "type" => value == "string",
        "format" => value == "binary",
        _ => false,
    })
}

/// A field as it would be a parameter of a query. Objects are JSON, unless a style is said (OpenAPI 3.0.4 §4.7.15.1.1).
fn field(name: &str, plan: &Plan, encoding: Option<&DescribedEncoding>, names: &[&str]) -> Parameter {
    let said = encoding.filter(|encoding| encoding.style.is_some() || encoding.explode.is_some() || encoding.allow_reserved);
    let style = said.and_then(|encoding| encoding.style).unwrap_or(Style::Form);
    let json = |form: &Form| match form {
        Form::Styled(Shape::Record) => Form::Json,
        Form::Styled(Shape::List) if plan.items().is_object() => Form::JsonItems,
        form => *form,
    };
    let forms = Form::of(plan);
    Parameter {
        name: name.into(),
        location: Location::Query,
        header: None,
        required: false,
        style,
        explode: said.and_then(|encoding| encoding.explode).unwrap_or(matches!(style, Style::Form | Style::DeepObject)),
        allow_empty: false,
        allow_reserved: said.is_some_and(|encoding| encoding.allow_reserved),
        deprecated: false,
        forms: if said.is_some() { forms } else { forms.iter().map(json).collect() },
        plan: plan.clone(),
        schema: None,
        default: Box::default(),
        siblings: names.iter().filter(|other| **other != name).map(|other| (*other).into()).collect(),
    }
}
