use std::sync::Arc;

use adapter_api::document::{Fault, Place, Position};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Element, QName};
use crate::plan::XML;
use xml::{Attributes, decode};

/// How deep a description may nest: readers of it recurse.
const DEEPEST: usize = 200;
/// The longest attribute; only documentation comes near.
const LONGEST: usize = 1 << 20;

/// Reads a description. A document type declaration is skipped, never obeyed: some W3C schemas carry one.
pub(super) fn read(file: &Arc<str>, bytes: &[u8]) -> Result<Arc<Element>, Fault> {
    let text = decode(bytes, None).map_err(|error| Fault::error(Place::file(file), error.to_string()))?;
    Builder { file, text: &text, lines: Lines { text: &text, at: 0, position: Position { line: 1, column: 1 } } }.read()
}

struct Builder<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    lines: Lines<'t>,
}

/// Turns offsets, asked in ascending order, into positions.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    position: Position,
}

impl Lines<'_> {
    fn position(&mut self, offset: usize) -> Position {
        for letter in self.text.get(self.at..offset).unwrap_or_default().chars() {
            if letter == '\n' {
                self.position = Position { line: self.position.line + 1, column: 1 };
            } else {
                self.position.column += 1;
            }
        }
        self.at = self.at.max(offset);
        self.position
    }
}

impl Builder<'_> {
    fn fault(&mut self, offset: usize, message: impl Into<String>) -> Fault {
        Fault::error(Place::at(self.file, self.lines.position(offset)), message)
    }

    fn read(mut self) -> Result<Arc<Element>, Fault> {
        let mut reader = Reader::from_str(self.text);
        let mut open: Vec<Element> = Vec::new();
        let mut root = None;
        loop {
            let from = reader.buffer_position() as usize;
            let event = reader.read_event();
            let (element, closes) = match event {
                Ok(Event::Start(tag)) => (Some(self.element(&tag, from, open.last())?), false),
                Ok(Event::Empty(tag)) => (Some(self.element(&tag, from, open.last())?), true),
                Ok(Event::End(_)) => (None, true),
                Ok(Event::Eof) => break,
                Ok(_) => continue,
                Err(error) => return Err(self.fault(from, format!("not readable as XML: {error}"))),
            };
            if element.is_some() && open.len() >= DEEPEST {
                return Err(self.fault(from, format!("elements nest deeper than {DEEPEST}")));
            }
            open.extend(element);
            if closes && let Some(done) = open.pop() {
                match open.last_mut() {
                    Some(parent) => parent.children.push(Arc::new(done)),
                    None if root.is_none() => root = Some(done),
                    None => return Err(done.fault("a second outermost element begins here")),
                }
            }
        }
        match (root, open.last()) {
            (Some(root), None) => Ok(Arc::new(root)),
            (_, Some(left)) => Err(left.fault(format!("the element `{}` is never closed", left.name.local))),
            (None, None) => Err(Fault::error(Place::file(self.file), "no element stands in it")),
        }
    }

    fn element(&mut self, tag: &BytesStart<'_>, from: usize, parent: Option<&Element>) -> Result<Element, Fault> {
        let mut pairs = Vec::new();
        for pair in Attributes::new(tag.attributes_raw(), LONGEST) {
            let (name, value) = pair.map_err(|error| self.fault(from, error.to_string()))?;
            pairs.push((name, value));
        }
        let mut scope: Vec<(Box<str>, Arc<str>)> = Vec::new();
        for (name, value) in &pairs {
            match name.strip_prefix("xmlns:") {
                Some(prefix) => scope.push((prefix.into(), (&**value).into())),
                None if *name == "xmlns" => scope.push(("".into(), (&**value).into())),
                None => {}
            }
        }
        let inherited = parent.map_or_else(|| Arc::from([("xml".into(), XML.into())]), |parent| parent.scope.clone());
        let scope = if scope.is_empty() { inherited } else { inherited.iter().cloned().chain(scope).collect() };
        let position = self.lines.position(from);
        let name = QName { space: "".into(), local: "".into() };
        let mut element = Element { name, file: self.file.clone(), position, attributes: Vec::new(), children: Vec::new(), scope };
        element.name = element.qname(tag.name().into_inner())?;
        for (name, value) in pairs {
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let name = if name.contains(':') { element.qname(name)? } else { QName { space: "".into(), local: name.into() } };
            element.attributes.push((name, value.into_owned()));
        }
        Ok(element)
    }
}
