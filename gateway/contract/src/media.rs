//! Media types: what a document lists and what a message says it is.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use xml::{Charset, latin1};

use crate::pieces;

/// A media type or a range of them as a document lists it (RFC 9110 §8.3.1, §12.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaRange {
    kind: Box<str>,
    subtype: Box<str>,
    /// Its parameters, names in small letters, but for the character set: that is looked at when the body is read.
    parameters: Box<[(Box<str>, Box<str>)]>,
}

/// A range that names the very type.
const EXACT: usize = 3;

/// The most parameters that a media type has.
const MOST_PARAMETERS: usize = 16;

/// The media type that a message declares.
pub(crate) struct MediaType<'a> {
    kind: &'a str,
    subtype: &'a str,
    charset: Option<Cow<'a, str>>,
    /// What stands behind the type, its parameters.
    parameters: &'a str,
}

impl MediaRange {
    /// Reads a key of a `content` map.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let media = MediaType::parse(text)?;
        let parameters = media.parameters().filter(|(name, _)| !name.eq_ignore_ascii_case("charset"));
        let parameters = parameters.map(|(name, value)| (name.to_ascii_lowercase().into(), value.into())).collect();
        Some(Self { kind: media.kind.to_ascii_lowercase().into(), subtype: media.subtype.to_ascii_lowercase().into(), parameters })
    }

    /// Whether it is neither a type nor a range (RFC 9110 §12.5.1), such as `application/*+json`.
    pub(crate) fn is_nothing(&self) -> bool {
        let is_odd = |part: &str| part.contains('*') && part != "*";
        is_odd(&self.kind) || is_odd(&self.subtype) || (&*self.kind == "*" && &*self.subtype != "*")
    }

    /// Whether messages of this type are JSON.
    pub(crate) fn is_json(&self) -> bool {
        is_json(&self.subtype)
    }

    /// Whether it is a range: `*/*`, `application/*`.
    pub(crate) fn is_wide(&self) -> bool {
        &*self.subtype == "*"
    }

    /// Whether it is `application/x-www-form-urlencoded`.
    pub(crate) fn is_form(&self) -> bool {
        (&*self.kind, &*self.subtype) == ("application", "x-www-form-urlencoded")
    }

    /// Whether it is `multipart/form-data`.
    pub(crate) fn is_multipart_form(&self) -> bool {
        (&*self.kind, &*self.subtype) == ("multipart", "form-data")
    }

    /// Whether it is one of several parts, whichever.
    pub(crate) fn is_multipart(&self) -> bool {
        &*self.kind == "multipart"
    }

    /// Whether a value of it is more than a text, and no JSON.
    pub(crate) fn is_structured(&self) -> bool {
        self.is_form() || self.is_xml() || self.is_multipart() || self.is_json_stream()
    }

    /// Whether it is one JSON value after another.
    pub(crate) fn is_json_stream(&self) -> bool {
        matches!(&*self.subtype, "jsonl" | "x-jsonl" | "ndjson" | "x-ndjson" | "json-seq") || self.subtype.ends_with("+json-seq")
    }

    /// Whether it is text.
    pub(crate) fn is_text(&self) -> bool {
        &*self.kind == "text" && !is_xml(&self.subtype)
    }

    /// Whether text of which nothing else is said is of it.
    pub(crate) fn is_plain_text(&self) -> bool {
        matches!((&*self.kind, &*self.subtype), ("text" | "*", "*") | ("text", "plain"))
    }

    /// Whether it is XML.
    pub(crate) fn is_xml(&self) -> bool {
        is_xml(&self.subtype)
    }

    /// Whether it takes a media type in.
    pub(crate) fn takes(&self, media: &MediaType<'_>) -> bool {
        self.closeness(media) > 0
    }

    /// How closely it describes a media type: 0 not at all, from [`EXACT`] on exactly, and the more so the more parameters they have in common.
    fn closeness(&self, media: &MediaType<'_>) -> usize {
        let kind = self.kind.eq_ignore_ascii_case(media.kind);
        match (&*self.kind, &*self.subtype) {
            (_, subtype) if kind && subtype.eq_ignore_ascii_case(media.subtype) => self.common(media).map_or(0, |common| EXACT + common),
            (_, "*") if kind => 2,
            ("*", "*") => 1,
            _ => 0,
        }
    }

    /// How many parameters they have in common; `None` where one says something else. What the message does not say may be so.
    fn common(&self, media: &MediaType<'_>) -> Option<usize> {
        if self.parameters.is_empty() {
            return Some(0);
        }
        let mut common = 0;
        for (name, value) in &self.parameters {
            match media.parameters().find(|(said, _)| said.eq_ignore_ascii_case(name)) {
                Some((_, said)) if said.eq_ignore_ascii_case(value) => common += 1,
                Some(_) => return None,
                None => {}
            }
        }
        Some(common)
    }
}

impl<'a> MediaType<'a> {
    /// What the headers declare; `None` where they declare nothing readable.
    pub(crate) fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let value = values.next()?;
        // Two declarations are none: two readers would pick different ones.
        if values.next().is_some() { None } else { value.to_str().ok().and_then(Self::parse) }
    }

    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = media.trim().split_once('/')?;
        let token = |text: &str| !text.is_empty() && text.bytes().all(|byte| TOKEN[usize::from(byte)]);
        if !token(kind) || !token(subtype) {
            return None;
        }
        // Every message comes by here, so nothing is kept of what is only looked at.
        let (mut names, mut known, mut charset) = ([""; MOST_PARAMETERS], 0, None);
        for parameter in pieces::parameters(parameters) {
            let (name, value) = parameter?;
            if name.is_empty() {
                continue;
            }
            // Of two that say different things two readers would believe different ones.
            if names[..known].iter().any(|before| before.eq_ignore_ascii_case(name)) {
                return None;
            }
            *names.get_mut(known)? = name;
            known += 1;
            if name.eq_ignore_ascii_case("charset") {
                charset = Some(value);
            }
        }
        Some(Self { kind, subtype, charset, parameters })
    }

    /// Its parameters, which were seen to be readable, and each once.
    fn parameters(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        pieces::parameters(self.parameters).flatten().filter(|(name, _)| !name.is_empty())
    }

    /// As a range of `Accept`: how closely it describes a listed type, if it does.
    pub(crate) fn nearness(&self, listed: &MediaRange) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (kind, "*") if listed.kind.eq_ignore_ascii_case(kind) => Some(1),
            (kind, subtype) if listed.kind.eq_ignore_ascii_case(kind) && listed.subtype.eq_ignore_ascii_case(subtype) => {
                // One with parameters is of what has them only.
                let mut asked =
                    self.parameters().filter(|(name, _)| !name.eq_ignore_ascii_case("q") && !name.eq_ignore_ascii_case("charset"));
                let has = |(name, value): (&str, Cow<'_, str>)| {
                    listed.parameters.iter().any(|(own, said)| own.eq_ignore_ascii_case(name) && **said == *value)
                };
                asked.all(has).then_some(2 + u8::from(!listed.parameters.is_empty()))
            }
            // What is listed as a range may turn out to be it.
            (kind, _) if listed.is_wide() && (&*listed.kind == "*" || listed.kind.eq_ignore_ascii_case(kind)) => Some(2),
            _ => None,
        }
    }

    /// As a range of `Accept`: how much it is wanted; one that cannot be read is.
    pub(crate) fn weight(&self) -> f32 {
        let weight = self.parameters().find(|(name, _)| name.eq_ignore_ascii_case("q"));
        weight.and_then(|(_, text)| text.parse().ok()).filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(1.0)
    }

    /// The type without its parameters.
    pub(crate) fn essence(&self) -> String {
        format!("{}/{}", self.kind, self.subtype)
    }

    /// Whether the message is JSON.
    pub(crate) fn is_json(&self) -> bool {
        is_json(self.subtype)
    }

    /// Whether it is `application/x-www-form-urlencoded`.
    pub(crate) fn is_form(&self) -> bool {
        self.kind.eq_ignore_ascii_case("application") && self.subtype.eq_ignore_ascii_case("x-www-form-urlencoded")
    }

    /// Whether it is `multipart/form-data`.
    pub(crate) fn is_multipart_form(&self) -> bool {
        self.kind.eq_ignore_ascii_case("multipart") && self.subtype.eq_ignore_ascii_case("form-data")
    }

    /// Whether it is XML.
    pub(crate) fn is_xml(&self) -> bool {
        is_xml(self.subtype)
    }

    /// Whether it is text for people.
    pub(crate) fn is_text(&self) -> bool {
        self.kind.eq_ignore_ascii_case("text")
    }

    /// What stands between the parts of a body (RFC 2046 §5.1.1).
    pub(crate) fn boundary(&self) -> Option<Cow<'a, str>> {
        self.parameters().find(|(name, _)| name.eq_ignore_ascii_case("boundary")).map(|(_, boundary)| boundary)
    }

    /// The character set that it declares.
    pub(crate) fn charset(&self) -> Option<&str> {
        self.charset.as_deref()
    }

    /// JSON between systems is UTF-8 (RFC 8259 §8.1), whatever a `charset` says; one that says something else announces
    /// bytes that another reader would take for other characters.
    pub(crate) fn is_utf8(&self) -> bool {
        self.encoding() == Some(Charset::Utf8)
    }

    /// A message of text, in UTF-8 or in ISO 8859-1.
    pub(crate) fn text<'b>(&self, bytes: &'b [u8]) -> Result<Cow<'b, str>, NoText> {
        match self.encoding() {
            Some(Charset::Utf8) => str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| NoText::Bytes),
            Some(Charset::Latin1) => Ok(latin1(bytes).into()),
            Some(Charset::Utf16 | Charset::Windows1252) | None => Err(NoText::Charset),
        }
    }

    fn encoding(&self) -> Option<Charset> {
        self.charset.as_ref().map_or(Some(Charset::Utf8), |charset| Charset::named(charset))
    }
}

/// Why bytes are no text.
pub(crate) enum NoText {
    /// They are said to be in a character set that is not read.
    Charset,
    /// They are not in UTF-8.
    Bytes,
}

/// What a token is made of (RFC 9110 §5.6.2). One look-up a byte: every message is looked at.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        table[byte as usize] = !matches!(byte, b'"' | b'(' | b')' | b',' | b'/' | b':'..=b'@' | b'['..=b']' | b'{' | b'}');
        byte += 1;
    }
    table
};

fn is_json(subtype: &str) -> bool {
    let suffix = subtype.len().checked_sub(5).and_then(|at| subtype.get(at..));
    subtype.eq_ignore_ascii_case("json") || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
}

fn is_xml(subtype: &str) -> bool {
    let suffix = subtype.len().checked_sub(4).and_then(|at| subtype.get(at..));
    subtype.eq_ignore_ascii_case("xml") || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+xml"))
}

/// The bodies that a document lists for one message.
#[derive(Debug)]
pub(crate) struct Content<S> {
    ranges: Vec<(MediaRange, S)>,
    /// Their names as the document writes them, for messages.
    pub(crate) listed: Arc<str>,
}

impl<S> Content<S> {
    pub(crate) fn new(ranges: Vec<(MediaRange, S)>, listed: &[String]) -> Self {
        Self { ranges, listed: listed.join(", ").into() }
    }

    /// Whether it lists this very type.
    pub(crate) fn lists(&self, text: &str) -> bool {
        MediaType::parse(text).is_some_and(|media| self.ranges.iter().any(|(range, _)| range.closeness(&media) >= EXACT))
    }

    /// Whether the document lists no body at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// What the document says of the closest range.
    pub(crate) fn closest(&self, media: &MediaType<'_>) -> Option<&S> {
        // Of equals the first.
        let taking = self.ranges.iter().rev().map(|(range, rule)| (range.closeness(media), rule)).filter(|(closeness, _)| *closeness > 0);
        taking.max_by_key(|(closeness, _)| *closeness).map(|(_, rule)| rule)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&MediaRange, &S)> {
        self.ranges.iter().map(|(range, schema)| (range, schema))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_closest_range() {
        let names = ["*/*", "application/*", "application/json; charset=utf-8", "text/plain"];
        let ranges = names.iter().filter_map(|name| Some((MediaRange::parse(name)?, *name))).collect();
        let content = Content::new(ranges, &names.map(str::to_owned));
        for (sent, expected) in [
            ("application/json", Some(names[2])),
            ("Application/JSON;charset=\"UTF-8\"", Some(names[2])),
            ("application/problem+json", Some(names[1])),
            ("text/plain; charset=latin1", Some(names[3])),
            ("image/png", Some(names[0])),
        ] {
            let media = MediaType::parse(sent);
            assert_eq!(media.and_then(|media| content.closest(&media).copied()), expected, "{sent}");
        }
        for bad in ["", "json", "a/b/c", "application/", "a b/c", "a/\u{e8}"] {
            assert!(MediaType::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn knows_json_and_its_encoding() {
        for (sent, json, utf8) in [
            ("application/json", true, true),
            ("application/json; charset=utf-8", true, true),
            ("application/json; charset=ISO-8859-1", true, false),
            ("application/problem+JSON", true, true),
            ("application/jsonl", false, true),
            ("text/\u{2b}json", true, true),
        ] {
            let media = MediaType::parse(sent).expect(sent);
            assert_eq!((media.is_json(), media.is_utf8()), (json, utf8), "{sent}");
        }
    }
}
