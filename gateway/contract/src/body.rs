//! A body read as its media type says, and held against its schema.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use exchange::{Body, Json, JsonErrorKind, JsonLimits};

use crate::fields::{Checked, FieldFault, Fields, Pairs, of_multipart};
use crate::instance::Instance;
use crate::media::MediaType;
use crate::parameter::decoded::Decoded;
use crate::parameter::{Plan, Reading};
use crate::schemas::Schema;
use crate::violation::{Names, Place, Violation, check, check_body};

/// What a document says of the bodies of one media type: how they are read, and the schema that they are held against.
#[derive(Debug)]
pub(crate) struct BodySchema {
    pub(crate) schema: Arc<Schema>,
    pub(crate) reader: Reader,
}

/// How bodies of a media type become a value.
#[derive(Debug)]
pub(crate) enum Reader {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`
    Form(Fields),
    /// `multipart/form-data`
    Multipart(Fields),
    /// `text/*`
    Text(Plan),
    /// Some other media type of text, or bytes: it is text if it can be.
    Opaque(Plan),
    /// Bytes: they are counted.
    Bytes,
    /// Whatever the message says that it is.
    Any(Fields),
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
pub(crate) fn read(
    rule: Option<&BodySchema>,
    media: &MediaType<'_>,
    bytes: Bytes,
    names: &Names,
    limits: &JsonLimits,
) -> (Body, Result<(), BodyFault>) {
    if media.is_json() {
        return json(rule, media, bytes, names, limits);
    }
    let checked = rule.map_or(Ok(()), |rule| rule.check(media, &bytes, names, limits));
    (Body::Bytes(bytes), checked)
}

fn json(
    rule: Option<&BodySchema>,
    media: &MediaType<'_>,
    bytes: Bytes,
    names: &Names,
    limits: &JsonLimits,
) -> (Body, Result<(), BodyFault>) {
    if !media.is_utf8() {
        return (Body::Bytes(bytes), Err(BodyFault::Charset));
    }
    match Json::read(bytes.clone(), limits) {
        Ok(json) => {
            let checked = rule.map_or(Ok(()), |rule| check_body(&rule.schema, &json, names).map_err(BodyFault::Invalid));
            (Body::Json(json), checked)
        }
        Err(error) => (Body::Bytes(bytes), Err(BodyFault::NotJson { place: Place::Body(names.mask(&error.pointer)), cause: error.kind })),
    }
}

impl BodySchema {
    fn check(&self, media: &MediaType<'_>, bytes: &[u8], names: &Names, limits: &JsonLimits) -> Result<(), BodyFault> {
        match &self.reader {
            Reader::Form(fields) => self.form(fields, media, bytes, names, limits),
            Reader::Multipart(fields) => self.multipart(fields, media, bytes, names, limits),
            Reader::Text(plan) => self.text(plan, &text(media, bytes)?, names),
            Reader::Opaque(plan) => match str::from_utf8(bytes) {
                Ok(text) => self.text(plan, text, names),
                Err(_) => self.holds(&Decoded::File { bytes: bytes.len() }, names),
            },
            Reader::Bytes => self.holds(&Decoded::File { bytes: bytes.len() }, names),
            Reader::Any(fields) if media.is_form() => self.form(fields, media, bytes, names, limits),
            Reader::Any(fields) if media.is_multipart_form() => self.multipart(fields, media, bytes, names, limits),
            Reader::Any(fields) if media.is_text() && !media.is_xml() => self.text(&fields.plan, &text(media, bytes)?, names),
            // JSON was read before; XML is not, and of what is none of these nobody knows what it would be.
            Reader::Json | Reader::Any(_) => Ok(()),
        }
    }

    fn text(&self, plan: &Plan, text: &str, names: &Names) -> Result<(), BodyFault> {
        self.holds_as(plan.readings(), names, |reading| Ok(plan.read(Cow::Borrowed(text), reading)))
    }

    fn form(&self, fields: &Fields, media: &MediaType<'_>, bytes: &[u8], names: &Names, limits: &JsonLimits) -> Result<(), BodyFault> {
        if !media.is_utf8() {
            return Err(BodyFault::Charset);
        }
        let told = |fault: FieldFault| BodyFault::Invalid(vec![fault.violation(names)]);
        let form = Pairs::of(bytes).map_err(told)?;
        self.holds_as(fields.plan.readings(), names, |reading| fields.of_form(&form, reading, limits).map_err(told))
    }

    fn multipart(&self, fields: &Fields, media: &MediaType<'_>, bytes: &[u8], names: &Names, limits: &JsonLimits) -> Result<(), BodyFault> {
        let told = |fault: FieldFault| BodyFault::Invalid(vec![fault.violation(names)]);
        let parts = of_multipart(media, bytes).map_err(told)?;
        let checked = Checked { names, limits };
        self.holds_as(fields.plan.readings(), names, |reading| fields.of_parts(&parts, reading, &checked).map_err(told))
    }

    /// Valid as soon as it is valid in one reading; else what is wrong with it in the first.
    fn holds_as<'v>(
        &self,
        readings: &[Reading],
        names: &Names,
        read: impl Fn(Reading) -> Result<Decoded<'v>, BodyFault>,
    ) -> Result<(), BodyFault> {
        let mut first = None;
        for &reading in readings {
            let value = read(reading)?;
            if self.schema.validator.is_valid(Instance::of(&value)) {
                return Ok(());
            }
            first.get_or_insert(value);
        }
        first.map_or(Ok(()), |value| self.holds(&value, names))
    }

    fn holds(&self, value: &Decoded<'_>, names: &Names) -> Result<(), BodyFault> {
        check(&self.schema, Instance::of(value), value.bytes(), names, &Place::Body).map_err(BodyFault::Invalid)
    }
}

/// Text in one of the character sets that everybody has.
fn text<'b>(media: &MediaType<'_>, bytes: &'b [u8]) -> Result<Cow<'b, str>, BodyFault> {
    if media.is_latin1() {
        return Ok(Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()));
    }
    if !media.is_utf8() {
        return Err(BodyFault::Charset);
    }
    let unreadable = || BodyFault::Invalid(vec![Violation::new(Place::Body(String::new()), "encoding", "is no text in UTF-8")]);
    str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| unreadable())
}
