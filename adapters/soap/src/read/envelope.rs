use std::ops::Range;

use super::value::Values;
use xml::{Cursor, Token, XmlError, XmlLimits, decode, is_blank};

use super::{ReadError, SoapFault, fault};
use crate::operation::{Operation, Output};
use crate::plan::{Plan, Space, Spaces};
use crate::wsdl::SoapVersion;

/// What an answer held.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Nothing.
    Empty,
    /// A value as JSON, and which part of the text is the one wanted.
    Value(Vec<u8>, Range<usize>),
    Fault(Box<SoapFault>),
}

/// Reads the answer to an operation.
pub(crate) fn read_answer(bytes: &[u8], charset: Option<&str>, plan: &Plan, operation: &Operation) -> Result<Reading, ReadError> {
    let text = decode(bytes, charset)?;
    let mut cursor = Cursor::new(&text, &plan.spaces, XmlLimits::default());
    let version = open_envelope(&mut cursor)?;
    if version != operation.version {
        return Err(ReadError::Version);
    }
    let space = envelope_space(version);
    open_body(&mut cursor, space, &operation.understood)?;
    let reading = match next_element(&mut cursor)? {
        None => match &operation.output {
            Output::OneWay | Output::Empty => Reading::Empty,
            Output::Element { element, .. } => {
                return Err(ReadError::Content { detail: "the body is empty".into(), place: format!("/Envelope/Body/{}", element.name) });
            }
        },
        Some((found, "Fault")) if found == space => Reading::Fault(Box::new(fault::read(&mut cursor, plan, &operation.faults)?)),
        Some((found, local)) => match &operation.output {
            Output::Element { element, unwrap } if element.space == found && &*element.name == local => {
                let mut values = Values::new(plan, *unwrap, bytes.len());
                values.read(&mut cursor, element)?;
                let whole = 0..values.out.len();
                Reading::Value(values.out, values.found.unwrap_or(whole))
            }
            _ => {
                let place = format!("/Envelope/Body/{}", local.chars().take(100).collect::<String>());
                return Err(ReadError::Content { detail: "the body holds another element than the described one".into(), place });
            }
        },
    };
    // After an element the body's end was not read yet; after nothing, it was.
    if cursor.depth() > 1 && next_element(&mut cursor)?.is_some() {
        return Err(ReadError::Structure("the body holds a second element"));
    }
    close_envelope(&mut cursor)?;
    Ok(reading)
}

/// What an envelope holds, seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The version, by the namespace.
    pub version: SoapVersion,
    /// The local name of the first child of the body.
    pub body: Option<String>,
    /// Whether that is a fault.
    pub fault: bool,
}

/// Reads any envelope within limits and says what its body holds. Nothing of the content is kept.
pub fn read_envelope(bytes: &[u8], charset: Option<&str>, limits: XmlLimits) -> Result<Envelope, ReadError> {
    let text = decode(bytes, charset)?;
    let plan = Plan { spaces: Spaces::default(), ..Plan::default() };
    let mut cursor = Cursor::new(&text, &plan.spaces, limits);
    let version = open_envelope(&mut cursor)?;
    let space = envelope_space(version);
    open_body(&mut cursor, space, &[])?;
    let found = next_element(&mut cursor)?;
    let is_fault = found.is_some_and(|(found, local)| found == space && local == "Fault");
    if is_fault {
        fault::read(&mut cursor, &plan, &[])?;
    }
    cursor.leave(1)?;
    close_envelope(&mut cursor)?;
    Ok(Envelope { version, body: found.map(|(_, local)| local.to_owned()), fault: is_fault })
}

fn envelope_space(version: SoapVersion) -> Space {
    match version {
        SoapVersion::V11 => Space::SOAP_11,
        SoapVersion::V12 => Space::SOAP_12,
    }
}

fn open_envelope(cursor: &mut Cursor<'_, '_>) -> Result<SoapVersion, ReadError> {
    match next_element(cursor)? {
        Some((Space::SOAP_11, "Envelope")) => Ok(SoapVersion::V11),
        Some((Space::SOAP_12, "Envelope")) => Ok(SoapVersion::V12),
        _ => Err(ReadError::NoEnvelope),
    }
}

/// To the beginning of the body's content, past a header. A block that must be understood and is not refuses the whole
/// (SOAP 1.1 §4.2.3, SOAP 1.2 part 1 §5.2.3).
fn open_body(cursor: &mut Cursor<'_, '_>, space: Space, understood: &[(Space, Box<str>)]) -> Result<(), ReadError> {
    let mut first = next_element(cursor)?;
    if first == Some((space, "Header")) {
        while let Some((found, local)) = next_element(cursor)? {
            let must = matches!(cursor.attribute(space, "mustUnderstand").map(str::trim), Some("1" | "true"));
            // A block for another actor is not ours to understand.
            let target = cursor.attribute(space, "actor").or_else(|| cursor.attribute(space, "role")).map_or("", str::trim);
            let ours = target.is_empty() || target.ends_with("/next") || target.ends_with("/ultimateReceiver");
            if must && ours && !understood.iter().any(|(known, name)| *known == found && &**name == local) {
                return Err(ReadError::Structure("a header that must be understood is not described"));
            }
            cursor.leave(cursor.depth() - 1)?;
        }
        first = next_element(cursor)?;
    }
    if first == Some((space, "Body")) { Ok(()) } else { Err(ReadError::Structure("the envelope has no body where one belongs")) }
}

fn close_envelope(cursor: &mut Cursor<'_, '_>) -> Result<(), ReadError> {
    while cursor.depth() > 0 {
        if next_element(cursor)?.is_some() {
            return Err(ReadError::Structure("an element follows the body"));
        }
    }
    match cursor.token()? {
        Token::Over => Ok(()),
        _ => Err(XmlError::Malformed.into()),
    }
}

/// The next child of the open element, or none at its end.
fn next_element<'x>(cursor: &mut Cursor<'x, '_>) -> Result<Option<(Space, &'x str)>, ReadError> {
    loop {
        match cursor.token()? {
            Token::Start(space, local) => return Ok(Some((space, local))),
            Token::End => return Ok(None),
            Token::Text(text) if is_blank(&text) => {}
            Token::Text(_) => return Err(ReadError::Structure("text stands between the parts of the envelope")),
            Token::Over => return Err(ReadError::NoEnvelope),
        }
    }
}
