use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::scan::plain_length;
use super::{Entry, Index, Json, Kind, Text};
use crate::pointer::push_token;

/// What the reader refuses although the grammar allows it.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// How deep arrays and objects may nest.
    pub depth: u16,
    /// How many characters a number may have.
    pub number_length: u16,
    /// How many values, names included, a text may hold: this bounds the index, which costs some 28 bytes each.
    pub values: u32,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth: 64, number_length: 64, values: 1_000_000 }
    }
}

/// Why a text was refused, and where; it never carries a piece of the text but member names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The cause.
    pub kind: JsonErrorKind,
    /// Bytes from the beginning of the text.
    pub offset: usize,
    /// The JSON pointer of the innermost value that was being read.
    pub pointer: String,
    /// Of each token of the pointer, whether it is the name of a member, and no position in an array: both may be digits.
    pub names: Vec<bool>,
}

/// The cause of a [`JsonError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// The text is not UTF-8.
    NotUtf8,
    /// The text ends inside a value, or is empty.
    UnexpectedEnd,
    /// A character that the grammar does not allow here.
    UnexpectedCharacter,
    /// Something follows the value.
    TrailingText,
    /// A number that the grammar does not allow: a leading zero, a lone minus, no digit after the point.
    BadNumber,
    /// A number longer than the limit.
    LongNumber,
    /// An escape that is none, or a lone surrogate.
    BadEscape,
    /// A control character that is not escaped.
    ControlCharacter,
    /// A name that the object already has.
    DuplicateName,
    /// Arrays and objects nested beyond the limit.
    TooDeep,
    /// More values than the limit.
    TooManyValues,
    /// The text is longer than 4 GiB.
    TooLong,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "the text is not UTF-8",
            Self::UnexpectedEnd => "the text ends too early",
            Self::UnexpectedCharacter => "unexpected character",
            Self::TrailingText => "something follows the value",
            Self::BadNumber => "malformed number",
            Self::LongNumber => "number with too many digits",
            Self::BadEscape => "malformed escape in a string",
            Self::ControlCharacter => "control character in a string",
            Self::DuplicateName => "name given twice in one object",
            Self::TooDeep => "nested too deeply",
            Self::TooManyValues => "too many values",
            Self::TooLong => "text too long",
        })
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)?;
        if self.pointer.is_empty() { Ok(()) } else { write!(f, " in {}", self.pointer) }
    }
}

impl std::error::Error for JsonError {}

type Result<T> = std::result::Result<T, JsonErrorKind>;

pub(super) fn read(text: Bytes, limits: &JsonLimits) -> std::result::Result<Json, JsonError> {
    let error = |kind, offset| JsonError { kind, offset, pointer: String::new(), names: Vec::new() };
    if u32::try_from(text.len()).is_err() {
        return Err(error(JsonErrorKind::TooLong, 0));
    }
    // Bytes that nobody else holds, as a body's are, become the text without being copied.
    let text = match String::from_utf8(Vec::from(text)) {
        Ok(text) => Text(Arc::new(text)),
        Err(bad) => return Err(error(JsonErrorKind::NotUtf8, bad.utf8_error().valid_up_to())),
    };
    let mut reader = Reader {
        whole: &text.0,
        text: text.0.as_bytes(),
        at: 0,
        // About one value in eight bytes is what registry answers have.
        entries: Vec::with_capacity((text.0.len() / 8).clamp(4, 4096)),
        unescaped: String::new(),
        limits,
    };
    match reader.document() {
        Ok(()) => {
            let Reader { entries, unescaped, .. } = reader;
            let bytes = Bytes::from_owner(text.clone());
            Ok(Json(Arc::new(Index { entries, unescaped, text, bytes })))
        }
        Err(kind) => {
            let (pointer, names) = reader.pointer();
            Err(JsonError { kind, offset: reader.at, pointer, names })
        }
    }
}

struct Reader<'a> {
    whole: &'a str,
    /// The same, byte by byte.
    text: &'a [u8],
    at: usize,
    entries: Vec<Entry>,
    unescaped: String,
    limits: &'a JsonLimits,
}

/// The `next` of a container whose end has not been read yet.
const OPEN: u32 = u32::MAX;

/// How many names of an object are compared pair by pair.
const FEW: usize = 16;

impl Reader<'_> {
    fn document(&mut self) -> Result<()> {
        self.blank();
        self.value(self.limits.depth)?;
        self.blank();
        if self.at == self.text.len() { Ok(()) } else { Err(JsonErrorKind::TrailingText) }
    }

    fn peek(&self) -> Result<u8> {
        self.text.get(self.at).copied().ok_or(JsonErrorKind::UnexpectedEnd)
    }

    fn blank(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: u16) -> Result<()> {
        match self.peek()? {
            b'{' => self.object(depth.checked_sub(1).ok_or(JsonErrorKind::TooDeep)?),
            b'[' => self.array(depth.checked_sub(1).ok_or(JsonErrorKind::TooDeep)?),
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Kind::Bool),
            b'f' => self.word(b"false", Kind::Bool),
            b'n' => self.word(b"null", Kind::Null),
            _ => Err(JsonErrorKind::UnexpectedCharacter),
        }
    }

    fn push(&mut self, kind: Kind, start: usize) -> Result<usize> {
        if self.entries.len() >= self.limits.values as usize {
            return Err(JsonErrorKind::TooManyValues);
        }
        let next = self.entries.len() as u32 + 1;
        let (start, end) = (start as u32, self.at as u32);
        self.entries.push(Entry { kind, escaped: false, start, end, next, extra: 0, length: 0 });
        Ok(next as usize - 1)
    }

    fn close(&mut self, opened: usize, held: u32) {
        self.at += 1;
        let next = self.entries.len() as u32;
        let entry = &mut self.entries[opened];
        (entry.end, entry.next, entry.extra) = (self.at as u32, next, held);
    }

    fn object(&mut self, depth: u16) -> Result<()> {
        let opened = self.push(Kind::Object, self.at)?;
        self.entries[opened].next = OPEN;
        self.at += 1;
        self.blank();
        let mut held = 0;
        while self.peek()? != b'}' {
            if held > 0 {
                self.separator()?;
            }
            if self.peek()? != b'"' {
                return Err(JsonErrorKind::UnexpectedCharacter);
            }
            self.string()?;
            self.blank();
            if self.peek()? != b':' {
                return Err(JsonErrorKind::UnexpectedCharacter);
            }
            self.at += 1;
            self.blank();
            self.value(depth)?;
            self.blank();
            held += 1;
        }
        self.close(opened, held);
        self.refuse_duplicates(opened)
    }

    fn array(&mut self, depth: u16) -> Result<()> {
        let opened = self.push(Kind::Array, self.at)?;
        self.entries[opened].next = OPEN;
        self.at += 1;
        self.blank();
        let mut held = 0;
        while self.peek()? != b']' {
            if held > 0 {
                self.separator()?;
            }
            self.value(depth)?;
            self.blank();
            held += 1;
        }
        self.close(opened, held);
        Ok(())
    }

    fn separator(&mut self) -> Result<()> {
        if self.peek()? != b',' {
            return Err(JsonErrorKind::UnexpectedCharacter);
        }
        self.at += 1;
        self.blank();
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<()> {
        let rest = &self.text[self.at..];
        if !rest.starts_with(word) {
            let cut_short = word.starts_with(rest);
            return Err(if cut_short { JsonErrorKind::UnexpectedEnd } else { JsonErrorKind::UnexpectedCharacter });
        }
        let start = self.at;
        self.at += word.len();
        self.push(kind, start).map(drop)
    }

    /// RFC 8259 §6: no leading zero, a digit on both sides of the point, a digit in the exponent.
    fn number(&mut self) -> Result<()> {
        let start = self.at;
        self.at += usize::from(self.text[self.at] == b'-');
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        match self.text.get(self.at) {
            _ if self.at - start > usize::from(self.limits.number_length) => Err(JsonErrorKind::LongNumber),
            Some(b'0'..=b'9' | b'.') => Err(JsonErrorKind::BadNumber),
            _ => self.push(Kind::Number, start).map(drop),
        }
    }

    fn digits(&mut self) -> Result<()> {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { Err(JsonErrorKind::BadNumber) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<()> {
        let start = self.at;
        self.at += 1;
        self.skip_plain();
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.push(Kind::String, start).map(drop)
            }
            b'\\' => self.escaped_string(start),
            _ => Err(JsonErrorKind::ControlCharacter),
        }
    }

    /// Goes on to the first byte that is not simply part of a string.
    fn skip_plain(&mut self) {
        self.at += plain_length(&self.text[self.at..]);
    }

    /// A string from its first escape on: what stood before it is copied, then the rest unescaped.
    #[cold]
    fn escaped_string(&mut self, start: usize) -> Result<()> {
        let from = self.unescaped.len();
        let mut plain = start + 1;
        loop {
            self.skip_plain();
            let byte = self.peek()?;
            if byte < 0x20 {
                return Err(JsonErrorKind::ControlCharacter);
            }
            // Only ASCII bytes end a run, so the run is whole characters of a text that is known to be UTF-8.
            self.unescaped.push_str(self.whole.get(plain..self.at).unwrap_or_default());
            self.at += 1;
            if byte == b'"' {
                break;
            }
            let letter = self.escape()?;
            self.unescaped.push(letter);
            plain = self.at;
        }
        let at = self.push(Kind::String, start)?;
        let entry = &mut self.entries[at];
        (entry.escaped, entry.extra, entry.length) = (true, from as u32, (self.unescaped.len() - from) as u32);
        Ok(())
    }

    fn escape(&mut self) -> Result<char> {
        let letter = match self.peek()? {
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return Err(JsonErrorKind::BadEscape),
        };
        self.at += 1;
        Ok(letter)
    }

    fn unicode(&mut self) -> Result<char> {
        let high = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&high) {
            if !self.text[self.at..].starts_with(b"\\u") {
                return Err(JsonErrorKind::BadEscape);
            }
            self.at += 2;
            let low = self.hex4()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(JsonErrorKind::BadEscape);
            }
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        } else {
            high
        };
        char::from_u32(code).ok_or(JsonErrorKind::BadEscape)
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(JsonErrorKind::UnexpectedEnd)?;
        let mut code = 0;
        for &digit in digits {
            code = code << 4 | char::from(digit).to_digit(16).ok_or(JsonErrorKind::BadEscape)?;
        }
        self.at += 4;
        Ok(code)
    }

    /// Names are compared unescaped, so `"a"` and `"\u0061"` are the same name. Small objects, nearly all of them, are
    /// compared pair by pair; large ones through a set whose hash the sender cannot predict.
    fn refuse_duplicates(&mut self, opened: usize) -> Result<()> {
        let mut few = [("", 0); FEW];
        let many: Vec<(&str, usize)>;
        let (names, duplicate) = match self.entries[opened].extra as usize {
            0 | 1 => return Ok(()),
            held @ ..=FEW => {
                few.iter_mut().zip(self.names(opened)).for_each(|(slot, name)| *slot = name);
                let names = &few[..held];
                (names, (1..held).find(|&at| names[..at].iter().any(|(name, _)| *name == names[at].0)))
            }
            held => {
                many = self.names(opened).collect();
                let mut seen = HashSet::with_capacity(held);
                (&many[..], many.iter().position(|(name, _)| !seen.insert(*name)))
            }
        };
        let Some(duplicate) = duplicate else { return Ok(()) };
        // The error stands at the second of the two names, inside the object that is then open again.
        let (_, entry) = names[duplicate];
        self.at = self.entries[entry].start as usize;
        self.entries.truncate(entry + 1);
        self.entries[opened].next = OPEN;
        Err(JsonErrorKind::DuplicateName)
    }

    fn names(&self, opened: usize) -> impl Iterator<Item = (&str, usize)> {
        let mut next = opened + 1;
        (0..self.entries[opened].extra).map(move |_| {
            let at = next;
            next = self.entries[at + 1].next as usize;
            (self.text_of(at), at)
        })
    }

    fn text_of(&self, at: usize) -> &str {
        let entry = &self.entries[at];
        if entry.escaped {
            return &self.unescaped[entry.extra as usize..(entry.extra + entry.length) as usize];
        }
        self.whole.get(entry.start as usize + 1..entry.end as usize - 1).unwrap_or_default()
    }

    /// Where the reader stopped: through the containers that are still open, by name or index, and which of them are names.
    fn pointer(&self) -> (String, Vec<bool>) {
        let (mut pointer, mut names) = (String::new(), Vec::new());
        let mut at = 0;
        while let Some(open) = self.entries.get(at).filter(|entry| entry.next == OPEN) {
            let (mut child, mut position, mut last_name) = (at + 1, 0, None);
            let object = open.kind == Kind::Object;
            loop {
                if object {
                    if child >= self.entries.len() {
                        break;
                    }
                    last_name = Some(child);
                    child += 1;
                }
                match self.entries.get(child) {
                    Some(entry) if entry.next != OPEN => child = entry.next as usize,
                    _ => break,
                }
                // What follows a finished value is not inside it.
                last_name = None;
                position += 1;
            }
            match last_name {
                Some(name) => push_token(&mut pointer, self.text_of(name)),
                None if !object => push_token(&mut pointer, &position.to_string()),
                // After the last member, in none of them.
                None => break,
            }
            names.push(object);
            at = child;
        }
        (pointer, names)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::canonical;

    fn read(text: &str) -> std::result::Result<Json, JsonError> {
        Json::read(Bytes::copy_from_slice(text.as_bytes()), &JsonLimits::default())
    }

    #[test]
    fn refuses_with_cause_and_place() {
        use JsonErrorKind as E;
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        let long = "1".repeat(65);
        for (text, kind, pointer) in [
            ("", E::UnexpectedEnd, ""),
            ("{", E::UnexpectedEnd, ""),
            ("nul", E::UnexpectedEnd, ""),
            ("nulL", E::UnexpectedCharacter, ""),
            ("1 2", E::TrailingText, ""),
            ("[1,]", E::UnexpectedCharacter, "/1"),
            ("[1 2]", E::UnexpectedCharacter, "/1"),
            ("01", E::BadNumber, ""),
            ("-", E::UnexpectedEnd, ""),
            ("1.", E::BadNumber, ""),
            ("1e+", E::BadNumber, ""),
            (&long, E::LongNumber, ""),
            ("\"\\x\"", E::BadEscape, ""),
            ("\"\\ud800\"", E::BadEscape, ""),
            ("\"\\ud800\\u0041\"", E::BadEscape, ""),
            ("\"\\udc00\"", E::BadEscape, ""),
            ("\"a\u{1}\"", E::ControlCharacter, ""),
            (r#"{"a":{"b":[0,{"c":1,"c":2}]}}"#, E::DuplicateName, "/a/b/1/c"),
            (r#"{"a":1,"\u0061":2}"#, E::DuplicateName, "/a"),
            (r#"{"a/b":tru}"#, E::UnexpectedCharacter, "/a~1b"),
            ("{'a':1}", E::UnexpectedCharacter, ""),
            ("\u{feff}1", E::UnexpectedCharacter, ""),
            ("NaN", E::UnexpectedCharacter, ""),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!((error.kind, error.pointer.as_str()), (kind, pointer), "{text}");
        }
        assert_eq!(read(r#"{"0":[7,{"1":[{"c":tru"#).expect_err("cut").names, [true, false, true, false, true]);
        assert!(read(r#"{"0":1 "#).expect_err("cut").names.is_empty());
        assert_eq!(read(&deep).expect_err("65 levels").kind, E::TooDeep);
        assert!(read(&deep[1..deep.len() - 1]).is_ok());
        let few = JsonLimits { values: 3, ..JsonLimits::default() };
        assert_eq!(Json::read(Bytes::from_static(b"[1,2,3]"), &few).expect_err("4 values").kind, E::TooManyValues);
        let bytes = Bytes::from_static(b"\"\xff\"");
        assert_eq!(Json::read(bytes, &few).expect_err("latin 1").kind, E::NotUtf8);
    }

    #[test]
    fn finds_duplicates_among_many_names() {
        let mut names: Vec<String> = (0..40).map(|n| format!("\"n{n}\":0")).collect();
        assert!(read(&format!("{{{}}}", names.join(","))).is_ok());
        names.push("\"n7\":0".into());
        assert_eq!(read(&format!("{{{}}}", names.join(","))).expect_err("n7 twice").pointer, "/n7");
    }

    #[test]
    fn keeps_numbers_and_strings_exactly() -> std::result::Result<(), JsonError> {
        let json = read(r#" {"importo": 12345678901234.1234560, "nome":"D'Alò \"\ud83d\ude00\"", "v":[true,false,null]} "#)?;
        let root = json.root();
        assert_eq!(root.get("importo").and_then(super::super::Node::number), Some("12345678901234.1234560"));
        assert_eq!(root.get("nome").and_then(super::super::Node::as_str), Some("D'Alò \"😀\""));
        assert_eq!(
            root.get("v").map(|node| node.items().map(super::super::Node::as_bool).collect::<Vec<_>>()),
            Some(vec![Some(true), Some(false), None])
        );
        Ok(())
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(serde_json::Value::String),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::Array),
                prop::collection::btree_map(".{0,6}", inner, 0..6).prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_serde(value in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }?;
            let json = read(&text)?;
            prop_assert_eq!(json.root().to_value(), value.clone());
            let canonical = String::from_utf8(canonical(&json, &[]))?;
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&canonical)?, value);
        }

        #[test]
        fn never_panics_and_never_accepts_what_serde_refuses(text in "[\\[\\]{}:,\"\\\\0-9a-z.eE+\\- \u{e8}]{0,40}") {
            if read(&text).is_ok() {
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
            }
        }
    }
}
