use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::{Attributes, Space, Spaces, XmlError, XmlLimits, allowed, is_blank, reference};

/// Walks over a message element by element, with namespaces resolved and every limit kept.
///
/// quick-xml finds the tags and checks that they match. What it leaves to its user is done here: document type
/// declarations, processing instructions, entities, one root, characters, prefixes and limits.
pub struct Cursor<'x, 'p> {
    text: &'x str,
    reader: Reader<&'x [u8]>,
    spaces: &'p Spaces,
    limits: XmlLimits,
    bindings: Vec<Binding<'x>>,
    attributes: Vec<Attribute<'x>>,
    depth: usize,
    elements: usize,
    /// What came directly in each element that is open, in the document itself first.
    open: Vec<Opened>,
    declarations: usize,
    /// An element written `<a/>` has begun and its end is to be told next.
    empty: bool,
    rooted: bool,
}

/// What came in an element so far.
#[derive(Clone, Copy, Default)]
struct Opened {
    children: usize,
    text_bytes: usize,
}

struct Binding<'x> {
    prefix: &'x str,
    space: Space,
    depth: usize,
}

/// An attribute of the element that just began; declarations of namespaces are none.
#[derive(Clone, Debug)]
pub struct Attribute<'x> {
    /// Its namespace: none, unless it has a prefix.
    pub space: Space,
    /// Its name without the prefix.
    pub local: &'x str,
    /// Its value, normalized (XML 1.0 §3.3.3).
    pub value: Cow<'x, str>,
}

/// What comes next in a message. Comments are never told, so that the text on both sides of one is one text.
#[derive(Debug, PartialEq)]
pub enum Token<'x> {
    /// An element begins: its namespace, and its name without the prefix.
    Start(Space, &'x str),
    /// Text, or a part of one, references resolved and line ends normalized.
    Text(Cow<'x, str>),
    /// The innermost open element ends.
    End,
    /// The message is read, and was well-formed.
    Over,
}

impl<'x, 'p> Cursor<'x, 'p> {
    /// Begins to read a text, with the namespaces that are to be known in it.
    pub fn new(text: &'x str, spaces: &'p Spaces, limits: XmlLimits) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_comments = true;
        Self {
            text,
            reader,
            spaces,
            limits,
            bindings: vec![Binding { prefix: "xml", space: Space::XML, depth: 0 }],
            attributes: Vec::new(),
            depth: 0,
            elements: 0,
            open: vec![Opened::default()],
            declarations: 0,
            empty: false,
            rooted: false,
        }
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The attributes of the element that the last token began.
    pub fn attributes(&self) -> &[Attribute<'x>] {
        &self.attributes
    }

    /// The same, to keep: then the element has none any more.
    pub fn take_attributes(&mut self) -> Vec<Attribute<'x>> {
        std::mem::take(&mut self.attributes)
    }

    /// The value of an attribute of the element that the last token began.
    pub fn attribute(&self, space: Space, local: &str) -> Option<&str> {
        self.attributes.iter().find(|found| found.space == space && found.local == local).map(|found| &*found.value)
    }

    /// What comes next.
    pub fn token(&mut self) -> Result<Token<'x>, XmlError> {
        if self.empty {
            self.empty = false;
            self.close();
            return Ok(Token::End);
        }
        loop {
            let from = self.reader.buffer_position() as usize;
            // Matched as it comes: taking the event out of its result first would copy it, once for every token.
            match self.reader.read_event() {
                Ok(Event::Start(tag)) => {
                    let length = tag.name().as_ref().len();
                    return self.start(from, length, 1);
                }
                Ok(Event::Empty(tag)) => {
                    self.empty = true;
                    let length = tag.name().as_ref().len();
                    return self.start(from, length, 2);
                }
                Ok(Event::End(_)) => {
                    self.close();
                    return Ok(Token::End);
                }
                Ok(Event::Text(_)) => {
                    let text = self.text.get(from..self.reader.buffer_position() as usize).ok_or(XmlError::Malformed)?;
                    if let Some(token) = self.characters(text)? {
                        return Ok(token);
                    }
                }
                Ok(Event::CData(data)) if self.depth > 0 => {
                    let text = match data.into_inner() {
                        Cow::Borrowed(text) => plain(text)?,
                        Cow::Owned(text) => Cow::Owned(plain(&text)?.into_owned()),
                    };
                    return self.told(text);
                }
                Ok(Event::GeneralRef(name)) if self.depth > 0 => {
                    let letter = reference(&name)?;
                    return self.told(builtin(letter).map_or_else(|| Cow::Owned(letter.into()), Cow::Borrowed));
                }
                Ok(Event::Comment(_)) => {}
                Ok(Event::Decl(_)) if from == 0 => self.declaration()?,
                Ok(Event::DocType(_)) => return Err(XmlError::DocType),
                Ok(Event::PI(_)) => return Err(XmlError::Instruction),
                Ok(Event::Eof) if self.depth == 0 && self.rooted => return Ok(Token::Over),
                Ok(Event::CData(_) | Event::GeneralRef(_) | Event::Decl(_) | Event::Eof) | Err(_) => return Err(XmlError::Malformed),
            }
        }
    }

    /// Skips the rest of the element that the last token began, or of whatever is open deeper than this.
    pub fn leave(&mut self, depth: usize) -> Result<(), XmlError> {
        while self.depth > depth {
            self.token()?;
        }
        Ok(())
    }

    /// The namespace and local name of a qualified name in content (`xsi:type`, `faultcode`).
    pub fn resolve<'n>(&self, name: &'n str) -> Option<(Space, &'n str)> {
        let name = name.trim();
        let (prefix, local) = split(name);
        Some((self.bound(prefix)?, local))
    }

    fn bound(&self, prefix: &str) -> Option<Space> {
        let found = self.bindings.iter().rev().find(|binding| binding.prefix == prefix).map(|binding| binding.space);
        found.or_else(|| prefix.is_empty().then_some(Space::NONE))
    }

    fn start(&mut self, from: usize, length: usize, tail: usize) -> Result<Token<'x>, XmlError> {
        let to = self.reader.buffer_position() as usize;
        let tag = to.checked_sub(tail).and_then(|to| self.text.get(from + 1..to)).ok_or(XmlError::Malformed)?;
        let (name, rest) = tag.split_at_checked(length).ok_or(XmlError::Malformed)?;
        self.count(name)?;
        self.attributes.clear();
        if !rest.is_empty() {
            self.read_attributes(rest)?;
        }
        if !is_qualified(name) {
            return Err(XmlError::Malformed);
        }
        let (prefix, local) = split(name);
        Ok(Token::Start(self.bound(prefix).ok_or(XmlError::Prefix)?, local))
    }

    fn count(&mut self, name: &str) -> Result<(), XmlError> {
        if self.depth == 0 && self.rooted {
            return Err(XmlError::Malformed);
        }
        self.rooted = true;
        if let Some(around) = self.open.last_mut() {
            around.children += 1;
            if around.children > self.limits.children {
                return Err(XmlError::Limit("the number of elements in one"));
            }
        }
        self.open.push(Opened::default());
        self.depth += 1;
        self.elements += 1;
        if self.depth > self.limits.depth {
            return Err(XmlError::Limit("depth"));
        }
        if self.elements > self.limits.elements {
            return Err(XmlError::Limit("the number of elements"));
        }
        if name.len() > self.limits.name_bytes {
            return Err(XmlError::Limit("the length of a name"));
        }
        Ok(())
    }

    fn read_attributes(&mut self, rest: &'x str) -> Result<(), XmlError> {
        // Prefixes may be declared after they are used in the same tag, so that names are resolved in a second pass; until
        // then the written name waits in `local`.
        for (at, attribute) in Attributes::new(rest, self.limits.attribute_bytes).enumerate() {
            let (name, value) = attribute?;
            if at >= self.limits.attributes {
                return Err(XmlError::Limit("the number of attributes"));
            }
            if name.len() > self.limits.name_bytes {
                return Err(XmlError::Limit("the length of a name"));
            }
            if !is_qualified(name) {
                return Err(XmlError::Malformed);
            }
            if name == "xmlns" {
                self.declare("", &value)?;
            } else if let Some(prefix) = name.strip_prefix("xmlns:") {
                self.declare(prefix, &value)?;
            } else if self.attributes.iter().any(|known| known.local == name) {
                return Err(XmlError::Malformed);
            } else {
                self.attributes.push(Attribute { space: Space::NONE, local: name, value });
            }
        }
        for at in 0..self.attributes.len() {
            let (prefix, local) = split(self.attributes[at].local);
            if !prefix.is_empty() {
                self.attributes[at].space = self.bound(prefix).ok_or(XmlError::Prefix)?;
                self.attributes[at].local = local;
            }
            let (known, [new, ..]) = self.attributes.split_at(at) else { continue };
            let twice = |found: &Attribute<'_>| found.local == new.local && found.space == new.space;
            if new.space != Space::UNKNOWN && known.iter().any(twice) {
                return Err(XmlError::Malformed);
            }
        }
        Ok(())
    }

    fn declare(&mut self, prefix: &'x str, uri: &str) -> Result<(), XmlError> {
        self.declarations += 1;
        if self.declarations > self.limits.declarations || self.bindings.len() > self.limits.namespaces {
            return Err(XmlError::Limit("the number of namespaces"));
        }
        let twice = self.bindings.iter().rev().take_while(|known| known.depth == self.depth).any(|known| known.prefix == prefix);
        if twice || matches!(prefix, "xml" | "xmlns") && uri != crate::XML || uri.is_empty() && !prefix.is_empty() {
            return Err(XmlError::Malformed);
        }
        let space = self.spaces.find(uri);
        self.bindings.push(Binding { prefix, space, depth: self.depth });
        Ok(())
    }

    fn close(&mut self) {
        while self.bindings.last().is_some_and(|binding| binding.depth == self.depth && self.depth > 0) {
            self.bindings.pop();
        }
        self.depth = self.depth.saturating_sub(1);
        self.open.truncate(self.depth + 1);
    }

    /// The XML declaration that was just passed, which quick-xml takes with anything in it (XML 1.0 §2.8).
    fn declaration(&self) -> Result<(), XmlError> {
        let text = self.text.get(..self.reader.buffer_position() as usize);
        let inside = text.and_then(|text| text.strip_prefix("<?xml")?.strip_suffix("?>")).ok_or(XmlError::Malformed)?;
        let mut allowed = ["version", "encoding", "standalone"].into_iter();
        let mut first = true;
        for attribute in Attributes::new(inside, self.limits.attribute_bytes) {
            let (name, value) = attribute?;
            let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
            if !plain || !allowed.any(|known| known == name) || first && name != "version" {
                return Err(XmlError::Malformed);
            }
            first = false;
        }
        if first { Err(XmlError::Malformed) } else { Ok(()) }
    }

    fn characters(&mut self, text: &'x str) -> Result<Option<Token<'x>>, XmlError> {
        if self.depth > 0 {
            return self.told(plain(text)?).map(Some);
        }
        if is_blank(text) { Ok(None) } else { Err(XmlError::Malformed) }
    }

    /// A text, if that of the element that it stands in is not too long with it.
    fn told(&mut self, text: Cow<'x, str>) -> Result<Token<'x>, XmlError> {
        if let Some(around) = self.open.last_mut() {
            around.text_bytes = around.text_bytes.saturating_add(text.len());
            if around.text_bytes > self.limits.text_bytes {
                return Err(XmlError::Limit("the length of a text"));
            }
        }
        Ok(Token::Text(text))
    }
}

/// The characters that messages refer to all the time, as texts.
fn builtin(letter: char) -> Option<&'static str> {
    match letter {
        '&' => Some("&"),
        '<' => Some("<"),
        '>' => Some(">"),
        '"' => Some("\""),
        '\'' => Some("'"),
        _ => None,
    }
}

/// The prefix, empty where there is none, and the local name.
fn split(name: &str) -> (&str, &str) {
    match name.as_bytes().iter().position(|&byte| byte == b':') {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => ("", name),
    }
}

/// The bytes that a name may have after its first (XML 1.0 §2.3, without the colon). Beyond ASCII nearly every letter may
/// stand in a name, so that none is refused.
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let ascii = byte as u8;
        table[byte] = ascii.is_ascii_alphanumeric() || matches!(ascii, b'-' | b'.' | b'_') || !ascii.is_ascii();
        byte += 1;
    }
    table
};

/// Whether this is a qualified name (Namespaces in XML 1.0 §4): quick-xml takes whatever stands before a blank.
fn is_qualified(name: &str) -> bool {
    let (prefix, local) = split(name);
    is_unqualified(local) && (local.len() == name.len() || is_unqualified(prefix))
}

fn is_unqualified(name: &str) -> bool {
    name.bytes().all(|byte| NAME[usize::from(byte)]) && !matches!(name.as_bytes().first(), None | Some(b'0'..=b'9' | b'-' | b'.'))
}

/// The bytes that need a closer look: control characters, and 0xEF, which begins the two non-characters that XML forbids.
const SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = byte != b'\t' as usize && byte != b'\n' as usize;
        byte += 1;
    }
    table[0xef] = true;
    table
};

/// Text with its line ends normalized (XML 1.0 §2.11), if it has only characters that XML allows.
fn plain(text: &str) -> Result<Cow<'_, str>, XmlError> {
    if text.bytes().all(|byte| !SUSPECT[usize::from(byte)]) {
        return Ok(Cow::Borrowed(text));
    }
    if !text.chars().all(allowed) {
        return Err(XmlError::Character);
    }
    if text.contains('\r') { Ok(Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))) } else { Ok(Cow::Borrowed(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a text, all in one piece; an error if it is not to be read.
    fn read(text: &str, limits: XmlLimits) -> Result<String, XmlError> {
        let spaces = Spaces::default();
        let mut cursor = Cursor::new(text, &spaces, limits);
        let mut found = String::new();
        loop {
            match cursor.token()? {
                Token::Text(text) => found.push_str(&text),
                Token::Over => return Ok(found),
                Token::Start(..) | Token::End => {}
            }
        }
    }

    #[test]
    fn the_text_of_an_element_is_bounded_however_it_is_cut() {
        let limits = XmlLimits { text_bytes: 8, ..XmlLimits::default() };
        for sound in ["<a>12345678</a>", "<a>1234<b>12345678</b>5678</a>", "<a>1234<!-- 12345678 -->5678</a>"] {
            assert!(read(sound, limits).is_ok(), "{sound}");
        }
        for long in [
            "<a>123456789</a>",
            "<a>12345<b/>6789</a>",
            "<a>12345<!-- -->6789</a>",
            "<a>12345<![CDATA[6789]]></a>",
            "<a>1234567&amp;&lt;</a>",
        ] {
            assert_eq!(read(long, limits), Err(XmlError::Limit("the length of a text")), "{long}");
        }
    }

    #[test]
    fn white_space_is_what_xml_says_it_is() {
        assert_eq!(read(" \t\r\n<a>\u{a0}</a>\n", XmlLimits::default()), Ok("\u{a0}".to_owned()));
        assert_eq!(read("\u{c}<a/>", XmlLimits::default()), Err(XmlError::Malformed));
        assert_eq!(read("<a/>\u{a0}", XmlLimits::default()), Err(XmlError::Malformed));
    }
}
