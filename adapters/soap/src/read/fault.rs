use super::ReadError;
use super::value::{Values, read_text};
use crate::operation::DeclaredFault;
use crate::plan::{Plan, Space};
use xml::{Cursor, Token, XmlError};

/// A SOAP fault as it came.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SoapFault {
    /// The namespace and local name of the code; dotted suffixes kept (`Client.Input`).
    pub(crate) code: Option<(Space, String)>,
    pub(crate) subcodes: Vec<(Space, String)>,
    pub(crate) reason: String,
    /// The local name of the first element of the detail.
    pub(crate) detail: Option<String>,
    /// The index of the declared fault of that name.
    pub(crate) declared: Option<usize>,
    /// Its content as JSON, where it follows its description.
    pub(crate) json: Option<Vec<u8>>,
}

/// Reads the `Fault` that the cursor has just begun, of either version. Real faults are careless: an unprefixed code, no
/// code at all or a detail of another type than declared are all taken.
pub(super) fn read<'p>(cursor: &mut Cursor<'_, 'p>, plan: &'p Plan, declared: &'p [DeclaredFault]) -> Result<SoapFault, ReadError> {
    let mut fault = SoapFault::default();
    let outside = cursor.depth() - 1;
    while cursor.depth() > outside {
        let Token::Start(_, local) = cursor.token()? else { continue };
        match local {
            "faultcode" => fault.code = code(cursor)?,
            "faultstring" => fault.reason = read_text(cursor)?.into_owned(),
            "Value" => {
                let value = code(cursor)?;
                if fault.code.is_none() { fault.code = value } else { fault.subcodes.extend(value) }
            }
            "Text" => {
                let text = read_text(cursor)?;
                if fault.reason.is_empty() {
                    fault.reason = text.into_owned();
                }
            }
            "Code" | "Subcode" | "Reason" => {}
            "detail" | "Detail" => detail(cursor, plan, declared, &mut fault)?,
            _ => cursor.leave(cursor.depth() - 1)?,
        }
    }
    Ok(fault)
}

/// A qualified name as content. It is resolved before its element ends, because that may declare the prefix.
fn code(cursor: &mut Cursor<'_, '_>) -> Result<Option<(Space, String)>, ReadError> {
    let mut text = String::new();
    let mut name = None;
    loop {
        match cursor.token()? {
            Token::Text(part) => {
                text.push_str(&part);
                name = cursor.resolve(&text).map(|(space, local)| (space, local.to_owned()));
            }
            Token::End => {
                let local = text.trim().rsplit(':').next().unwrap_or_default().to_owned();
                return Ok(name.or((!local.is_empty()).then_some((Space::UNKNOWN, local))));
            }
            Token::Start(..) | Token::Over => return Err(XmlError::Malformed.into()),
        }
    }
}

fn detail<'p>(cursor: &mut Cursor<'_, 'p>, plan: &'p Plan, declared: &'p [DeclaredFault], fault: &mut SoapFault) -> Result<(), ReadError> {
    let outside = cursor.depth() - 1;
    while cursor.depth() > outside {
        let Token::Start(space, local) = cursor.token()? else { continue };
        let inside = cursor.depth() - 1;
        if fault.detail.is_none() {
            fault.detail = Some(local.chars().take(200).collect());
            fault.declared = declared.iter().position(|known| known.space == space && &*known.local == local);
            if let Some(element) = fault.declared.and_then(|at| declared[at].element.as_ref()) {
                let mut values = Values::new(plan, None, 256);
                match values.read(cursor, element) {
                    Ok(()) => fault.json = Some(values.out),
                    // A detail that breaks its description still says which fault it is.
                    Err(ReadError::Content { .. } | ReadError::Structure(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        cursor.leave(inside)?;
    }
    Ok(())
}
