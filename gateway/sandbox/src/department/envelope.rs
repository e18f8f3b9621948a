//! SOAP envelopes, read and written the department's own way: nothing here is shared with the gateway's adapter, so that
//! the one can be tried against the other.

use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, Writer, XmlVersion};

/// How deep a message may nest.
const DEPTH: usize = 32;

/// The version of an envelope, told by its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Soap11,
    Soap12,
}

impl Version {
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::Soap12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }
}

/// An element that was read: its name, its attributes without namespace declarations, its text and its children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

/// Why a text is no message. The department is not kind about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    #[error("the message is not well-formed XML")]
    NotXml,
    #[error("a document type declaration or processing instruction is not allowed")]
    NotAllowed,
    #[error("the message nests too deep")]
    Deep,
    #[error("the root is not a SOAP envelope")]
    NoEnvelope,
    #[error("the body does not hold one element")]
    NoBody,
}

/// Reads an envelope: its version, and the one child of its body.
pub(crate) fn read(text: &[u8]) -> Result<(Version, Element), EnvelopeError> {
    let root = tree(text)?;
    let version = [Version::Soap11, Version::Soap12].into_iter().find(|version| root.namespace == version.namespace());
    let version = version.filter(|_| root.name == "Envelope").ok_or(EnvelopeError::NoEnvelope)?;
    let body = root.children.into_iter().find(|child| child.name == "Body" && child.namespace == version.namespace());
    let mut children = body.ok_or(EnvelopeError::NoBody)?.children.into_iter();
    match (children.next(), children.next()) {
        (Some(only), None) => Ok((version, only)),
        _ => Err(EnvelopeError::NoBody),
    }
}

/// The tree of a document, built over a stack of its own so that depth costs no stack of ours.
pub(crate) fn tree(text: &[u8]) -> Result<Element, EnvelopeError> {
    let text = std::str::from_utf8(text).map_err(|_| EnvelopeError::NotXml)?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|_| EnvelopeError::NotXml)? {
            Event::Start(_) if open.len() > DEPTH => return Err(EnvelopeError::Deep),
            Event::Start(start) => open.push(element(&reader, &start)?),
            Event::End(_) => {
                let (Some(closed), Some(parent)) = (open.pop(), open.last_mut()) else { return Err(EnvelopeError::NotXml) };
                parent.children.push(closed);
            }
            Event::Text(text) => last(&mut open).text.push_str(&text.xml10_content()),
            Event::CData(text) => last(&mut open).text.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let resolved = match entity.resolve_char_ref() {
                    Ok(Some(letter)) => letter,
                    _ => named(&entity).ok_or(EnvelopeError::NotXml)?,
                };
                last(&mut open).text.push(resolved);
            }
            Event::DocType(_) | Event::PI(_) => return Err(EnvelopeError::NotAllowed),
            Event::Decl(_) | Event::Comment(_) | Event::Empty(_) => {}
            Event::Eof => break,
        }
    }
    match (open.pop(), open.pop()) {
        (Some(mut document), None) if document.children.len() == 1 => document.children.pop().ok_or(EnvelopeError::NotXml),
        _ => Err(EnvelopeError::NotXml),
    }
}

fn last(open: &mut [Element]) -> &mut Element {
    open.last_mut().expect("the document itself is at the bottom and is never closed before the end")
}

fn named(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, EnvelopeError> {
    let (namespace, name) = reader.resolver().resolve_element(start.name());
    let namespace = match namespace {
        ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(_) => return Err(EnvelopeError::NotXml),
    };
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| EnvelopeError::NotXml)?;
        if attribute.key.as_namespace_binding().is_none() {
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|_| EnvelopeError::NotXml)?;
            attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
        }
    }
    Ok(Element { namespace, name: name.as_ref().to_owned(), attributes, ..Element::default() })
}

impl Element {
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The trimmed text of a child, where it is there and not nil.
    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).filter(|child| !child.is_nil()).map(|child| child.text.trim())
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.attributes.iter().any(|(name, value)| name == "nil" && matches!(value.as_str(), "true" | "1"))
    }
}

/// Writes an envelope with the prefixes and the line breaks of old software.
pub(crate) struct Page {
    writer: Writer<Vec<u8>>,
    open: Vec<String>,
}

impl Page {
    pub(crate) fn new(version: Version) -> Self {
        let mut page = Self { writer: Writer::new_with_indent(Vec::new(), b' ', 2), open: Vec::new() };
        page.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        page.open_with("soapenv:Envelope", &[("xmlns:soapenv", version.namespace())]);
        page.open("soapenv:Body");
        page
    }

    pub(crate) fn open(&mut self, name: &str) {
        self.open_with(name, &[]);
    }

    pub(crate) fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.event(Event::Start(BytesStart::new(name).with_attributes(attributes.iter().copied())));
        self.open.push(name.to_owned());
    }

    pub(crate) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.event(Event::End(BytesEnd::new(name)));
        }
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    pub(crate) fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.event(Event::Start(BytesStart::new(name).with_attributes(attributes.iter().copied())));
        self.event(Event::Text(BytesText::new(text)));
        self.event(Event::End(BytesEnd::new(name)));
    }

    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.event(Event::Empty(BytesStart::new(name).with_attributes(attributes.iter().copied())));
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        self.writer.into_inner()
    }

    fn event(&mut self, event: Event<'_>) {
        self.writer.write_event(event).expect("a vector takes every write");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_allowed_and_nothing_else() {
        let envelope =
            |namespace: &str, body: &str| format!("<s:Envelope xmlns:s=\"{namespace}\"><s:Header/><s:Body>{body}</s:Body></s:Envelope>");
        let (soap11, soap12) = (Version::Soap11.namespace(), Version::Soap12.namespace());
        let (version, element) =
            read(envelope(soap12, "<a xmlns=\"urn:x\" k=\"&lt;v\">1 &amp; <![CDATA[2]]>&#x33;</a>").as_bytes()).expect("right");
        assert_eq!((version, element.name.as_str(), element.namespace.as_str()), (Version::Soap12, "a", "urn:x"));
        assert_eq!((element.text.as_str(), element.attributes), ("1 & 23", vec![("k".to_owned(), "<v".to_owned())]));
        for (text, error) in [
            (envelope("urn:soap", "<a/>"), EnvelopeError::NoEnvelope),
            (envelope(soap11, ""), EnvelopeError::NoBody),
            (envelope(soap11, "<a/><b/>"), EnvelopeError::NoBody),
            (envelope(soap11, "<a>"), EnvelopeError::NotXml),
            (envelope(soap11, "<p:a/>"), EnvelopeError::NotXml),
            (envelope(soap11, "<a>&lol;</a>"), EnvelopeError::NotXml),
            (format!("<!DOCTYPE a>{}", envelope(soap11, "<a/>")), EnvelopeError::NotAllowed),
            (envelope(soap11, &format!("{}{}", "<a>".repeat(40), "</a>".repeat(40))), EnvelopeError::Deep),
            (String::new(), EnvelopeError::NotXml),
            ("{}".to_owned(), EnvelopeError::NotXml),
        ] {
            assert_eq!(read(text.as_bytes()).map(|_| ()), Err(error), "{text}");
        }
    }
}
