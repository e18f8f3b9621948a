use std::collections::BTreeSet;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::operation::Input;
use crate::plan::{Element, Plan, SOAP_11, SOAP_12, Space, Spaces, TypeRef};
use crate::write::push_text;
use crate::wsdl::SoapVersion;

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The envelope up to the content of the body. Every prefix that a request can need is declared here, once, and none is the
/// default namespace, so that unqualified names need no `xmlns=""`.
pub(super) fn prologue(plan: &Plan, version: SoapVersion, input: Option<&Input>, headers: &[(Element, Box<str>)]) -> Box<[u8]> {
    let mut spaces = BTreeSet::new();
    let mut nillable = false;
    for element in input.map(|input| &input.element).into_iter().chain(headers.iter().map(|(element, _)| element)) {
        spaces.insert(element.space);
        nillable |= element.nillable;
        for inner in plan.reach(element.content) {
            if let TypeRef::Complex(id) = inner {
                let complex = plan.complex(id);
                spaces.extend(complex.elements.iter().map(|element| element.space));
                spaces.extend(complex.attributes.iter().map(|attribute| attribute.space));
                nillable |= complex.elements.iter().any(|element| element.nillable);
            }
        }
    }
    let soap = match version {
        SoapVersion::V11 => SOAP_11,
        SoapVersion::V12 => SOAP_12,
    };
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{soap}\"").into_bytes();
    if nillable {
        out.extend_from_slice(format!(" xmlns:xsi=\"{XSI}\"").as_bytes());
    }
    for space in spaces.into_iter().filter(|space| space.is_own() || matches!(*space, Space::XSD | Space::WSSE)) {
        out.extend_from_slice(format!(" xmlns:{}=\"", Spaces::prefix(space)).as_bytes());
        // A namespace came out of an XML file, so that it has only characters that XML can hold.
        _ = crate::write::push_attribute(&mut out, plan.spaces.uri(space));
        out.push(b'"');
    }
    out.push(b'>');
    if !headers.is_empty() {
        out.extend_from_slice(b"<soapenv:Header>");
        for (element, text) in headers {
            out.extend_from_slice(&element.tag.open);
            out.push(b'>');
            // The text was checked against its type; YAML cannot hold the characters that XML forbids either.
            _ = push_text(&mut out, text);
            out.extend_from_slice(&element.tag.close);
        }
        out.extend_from_slice(b"</soapenv:Header>");
    }
    out.extend_from_slice(b"<soapenv:Body>");
    out.into()
}

/// The HTTP headers of a request: SOAP 1.1 (§6.1.1) wants `SOAPAction`, quoted and even when empty; 1.2 (part 2 §7.5.1.1)
/// makes it a parameter of the media type.
pub(super) fn http_headers(version: SoapVersion, action: &str) -> Result<HeaderMap, &'static str> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| "the SOAP action holds a character that no header can carry");
    if action.contains(['"', '\\']) {
        return Err("the SOAP action holds a quotation mark");
    }
    let mut headers = HeaderMap::new();
    match version {
        SoapVersion::V11 => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
            headers.insert(HeaderName::from_static("soapaction"), value(&format!("\"{action}\""))?);
            headers.insert(ACCEPT, HeaderValue::from_static("text/xml"));
        }
        SoapVersion::V12 => {
            let parameter = if action.is_empty() { String::new() } else { format!("; action=\"{action}\"") };
            headers.insert(CONTENT_TYPE, value(&format!("application/soap+xml; charset=utf-8{parameter}"))?);
            headers.insert(ACCEPT, HeaderValue::from_static("application/soap+xml"));
        }
    }
    Ok(headers)
}
