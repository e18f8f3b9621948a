//! A body read as its media type says, and held against its schema.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use exchange::{Body, Json, JsonErrorKind};
use xml::decode_agreed;

use crate::broken::Broken;
use crate::contract::Terms;
use crate::fields::{FieldFault, Fields, form_pairs, of_multipart};
use crate::instance::Instance;
use crate::media::{MediaType, NoText};
use crate::parameter::decoded::Decoded;
use crate::parameter::{File, Plan, Reading, holds_as_one};
use crate::schemas::Schema;
use crate::violation::{Place, Violation, check, check_body};
use crate::xml::{Unread, XmlRoot};

/// What a document says of the bodies of one media type: how they are read, and the schema that they are held against.
#[derive(Debug)]
pub(crate) struct BodySchema {
    pub(crate) schema: Arc<Schema>,
    pub(crate) reader: BodyReader,
}

/// How bodies of a media type become a value.
#[derive(Debug)]
pub(crate) enum BodyReader {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`
    Form(Fields),
    /// `multipart/form-data`
    Multipart(Fields),
    /// `text/*`
    Text(Plan),
    /// XML.
    Xml(XmlRoot),
    /// Some other media type of text, or bytes: it is text if it can be.
    Opaque(Plan),
    /// Whatever the message says that it is.
    Any(Arc<Fields>),
}

/// Why a body is not what the contract asks for.
pub(crate) enum BodyFault {
    /// It is not readable as JSON.
    NotJson { place: Place, cause: JsonErrorKind },
    /// It is in a character set that it cannot be read in.
    Charset,
    /// It breaks rules.
    Invalid(Vec<Violation>),
}

/// Reads a body, and holds it against what a document says of its media type. What is of no schema is JSON at most, where it says so.
pub(crate) fn read(rule: Option<&BodySchema>, media: &MediaType<'_>, bytes: Bytes, terms: Terms<'_>) -> (Body, Result<(), BodyFault>) {
    if !media.is_json() {
        let checked = rule.map_or(Ok(()), |rule| rule.check(media, &bytes, terms));
        return (Body::Bytes(bytes), checked);
    }
    if !media.is_utf8() {
        return (Body::Bytes(bytes), Err(BodyFault::Charset));
    }
    match Json::read(bytes.clone(), terms.limits) {
        Ok(json) => {
            let checked = rule.map_or(Ok(()), |rule| check_body(&rule.schema, &json, terms).map_err(BodyFault::Invalid));
            (Body::Json(json), checked)
        }
        Err(error) => (
            Body::Bytes(bytes),
            Err(BodyFault::NotJson { place: Place::Body(terms.names.mask(&error.pointer, &error.names)), cause: error.kind }),
        ),
    }
}

impl BodySchema {
    fn check(&self, media: &MediaType<'_>, bytes: &[u8], terms: Terms<'_>) -> Result<(), BodyFault> {
        match &self.reader {
            BodyReader::Form(fields) => self.form(fields, media, bytes, terms),
            BodyReader::Multipart(fields) => self.multipart(fields, media, bytes, terms),
            BodyReader::Xml(root) => self.xml(root, media, bytes, terms),
            BodyReader::Text(plan) => self.text(plan, &text(media, bytes)?, terms),
            BodyReader::Opaque(plan) => self.opaque(plan, bytes, terms),
            BodyReader::Any(fields) if media.is_form() => self.form(fields, media, bytes, terms),
            BodyReader::Any(fields) if media.is_multipart_form() => self.multipart(fields, media, bytes, terms),
            BodyReader::Any(fields) if media.is_text() && !media.is_xml() => self.text(&fields.plan, &text(media, bytes)?, terms),
            BodyReader::Any(fields) if !media.is_xml() && fields.plan.kinds.is_scalar() => self.opaque(&fields.plan, bytes, terms),
            // JSON was read before; how XML would be written nobody says, nor how objects are in what is none of these.
            BodyReader::Json | BodyReader::Any(_) => Ok(()),
        }
    }

    fn text(&self, plan: &Plan, text: &str, terms: Terms<'_>) -> Result<(), BodyFault> {
        self.holds_as_one(terms, |reading| Ok(plan.read(Cow::Borrowed(text), reading)))
    }

    /// A text where it can be one, unless it is to be a file.
    fn opaque(&self, plan: &Plan, bytes: &[u8], terms: Terms<'_>) -> Result<(), BodyFault> {
        match str::from_utf8(bytes) {
            Ok(text) if plan.file != File::Always => self.text(plan, text, terms),
            _ => self.holds(&Decoded::File(bytes.into()), terms),
        }
    }

    fn xml(&self, root: &XmlRoot, media: &MediaType<'_>, bytes: &[u8], terms: Terms<'_>) -> Result<(), BodyFault> {
        let told = |unread: Unread<'_>| BodyFault::Invalid(vec![unread.violation(terms.names)]);
        let text = decode_agreed(bytes, media.charset()).map_err(|error| told(Unread::malformed(error)))?;
        let read = |reading| terms.xml.read(root, &text, reading, terms.limits);
        self.holds_as_one(terms, |reading| read(reading).map_err(told))
    }

    fn form(&self, fields: &Fields, media: &MediaType<'_>, bytes: &[u8], terms: Terms<'_>) -> Result<(), BodyFault> {
        if !media.is_utf8() {
            return Err(BodyFault::Charset);
        }
        let pairs = form_pairs(bytes).map_err(|fault| fault.told(terms))?;
        let form = fields.of_form(&pairs).map_err(|fault| fault.told(terms))?;
        self.holds_as_one(terms, |reading| form.read(reading, terms).map_err(|fault| fault.told(terms)))
    }

    fn multipart(&self, fields: &Fields, media: &MediaType<'_>, bytes: &[u8], terms: Terms<'_>) -> Result<(), BodyFault> {
        let parts = of_multipart(media, bytes).map_err(|fault| fault.told(terms))?;
        self.holds_as_one(terms, |reading| fields.of_parts(&parts, reading, terms).map_err(|fault| fault.told(terms)))
    }

    fn holds_as_one<'v>(&self, terms: Terms<'_>, read: impl Fn(Reading) -> Result<Decoded<'v>, BodyFault>) -> Result<(), BodyFault> {
        holds_as_one(&self.schema, read, |value| self.holds(value, terms))
    }

    fn holds(&self, value: &Decoded<'_>, terms: Terms<'_>) -> Result<(), BodyFault> {
        check(&self.schema, Instance::of(value), value.bytes(), terms, &Place::Body).map_err(BodyFault::Invalid)
    }
}

impl FieldFault {
    fn told(self, terms: Terms<'_>) -> BodyFault {
        BodyFault::Invalid(vec![self.violation(terms.names, Place::Body)])
    }
}

fn text<'b>(media: &MediaType<'_>, bytes: &'b [u8]) -> Result<Cow<'b, str>, BodyFault> {
    media.text(bytes).map_err(|reason| match reason {
        NoText::Charset => BodyFault::Charset,
        NoText::Bytes => BodyFault::Invalid(vec![Broken::NO_TEXT.at(Place::Body(String::new()))]),
    })
}
