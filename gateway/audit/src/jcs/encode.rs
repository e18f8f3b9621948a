use exchange::json::{Kind, Node, push_string};

use super::{JcsError, MAX_INTEGER};

/// Writes a value in canonical form, or says why the profile has no place for it.
///
/// It recurses once a level of nesting, which the reader that made the [`Node`] has bounded.
pub fn encode(value: Node<'_>, out: &mut Vec<u8>) -> Result<(), JcsError> {
    match value.kind() {
        Kind::Null => return Err(JcsError::Null),
        Kind::Bool => out.extend_from_slice(value.raw().as_bytes()),
        Kind::String => push_string(out, value.as_str().unwrap_or_default()),
        Kind::Number => out.extend_from_slice(integer(value.raw())?.as_bytes()),
        Kind::Array => {
            out.push(b'[');
            for (at, item) in value.items().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                encode(item, out)?;
            }
            out.push(b']');
        }
        Kind::Object => {
            let mut members: Vec<_> = value.members().map(|(name, value)| (name.as_str().unwrap_or_default(), value)).collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if !name.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\') {
                    return Err(JcsError::Name);
                }
                if at > 0 {
                    out.push(b',');
                }
                push_string(out, name);
                out.push(b':');
                encode(value, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// The text of a number that is already a plain integer.
fn integer(text: &str) -> Result<&str, JcsError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if text == "-0" || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(JcsError::NotAnInteger);
    }
    if digits.parse::<u64>().is_ok_and(|value| value <= MAX_INTEGER) { Ok(text) } else { Err(JcsError::TooLarge) }
}

/// A member's name as it stands in an object: between a comma and a colon, so that it is written in one piece.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}
pub(crate) use key;

/// Writes the members of one object. Whoever writes names them in canonical order, which debug builds check.
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    last: &'static str,
    /// The key of the first member whose integer no JSON implementation is bound to keep.
    too_large: Option<&'static str>,
}

impl<'o> Object<'o> {
    pub(crate) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, last: "", too_large: None }
    }

    /// Ends the object and gives the name of an integer that was too large, if there was one.
    pub(crate) fn close(self) -> Option<&'static str> {
        self.end().map(|key| &key[2..key.len() - 2])
    }

    /// The same, and gives its key.
    fn end(self) -> Option<&'static str> {
        self.out.push(b'}');
        self.too_large
    }

    /// Begins a member; its value is then written by the caller. Inlined with whoever names it, so that the length is known.
    #[inline]
    pub(crate) fn name(&mut self, key: &'static str) -> &mut Vec<u8> {
        debug_assert!(self.last < key, "{key} after {}", self.last);
        let text = if self.last.is_empty() { &key[1..] } else { key };
        self.last = key;
        self.out.extend_from_slice(text.as_bytes());
        self.out
    }

    #[inline]
    pub(crate) fn string(&mut self, key: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            push_string(self.name(key), value);
        }
    }

    /// A string that `value` writes, made of characters that need no escape.
    #[inline]
    pub(crate) fn plain(&mut self, key: &'static str, value: impl FnOnce(&mut Vec<u8>)) {
        let out = self.name(key);
        out.push(b'"');
        value(out);
        out.push(b'"');
    }

    /// One of this program's own words: none of them needs an escape.
    #[inline]
    pub(crate) fn word(&mut self, key: &'static str, word: Option<&'static str>) {
        if let Some(word) = word {
            debug_assert!(!word.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)), "{word} needs an escape");
            self.plain(key, |out| out.extend_from_slice(word.as_bytes()));
        }
    }

    #[inline]
    pub(crate) fn integer(&mut self, key: &'static str, value: Option<u64>) {
        let Some(value) = value else { return };
        if value > MAX_INTEGER {
            self.too_large = self.too_large.or(Some(key));
        }
        push_decimal(self.name(key), value);
    }

    pub(crate) fn strings<'s>(&mut self, key: &'static str, values: impl Iterator<Item = &'s str>) {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return;
        }
        let out = self.name(key);
        out.push(b'[');
        for (at, value) in values.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_string(out, value);
        }
        out.push(b']');
    }

    /// An object as a member.
    #[inline]
    pub(crate) fn object(&mut self, key: &'static str, members: impl FnOnce(&mut Object<'_>)) {
        let mut inner = Object::open(self.name(key));
        members(&mut inner);
        let too_large = inner.end();
        self.too_large = self.too_large.or(too_large);
    }
}

fn push_decimal(out: &mut Vec<u8>, value: u64) {
    match value {
        // Most of them.
        0..10 => out.push(b'0' + value as u8),
        _ => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

/// Lower-case hex.
pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.chunks(32) {
        let mut text = [0; 64];
        exchange::write_hex(&mut text, part);
        out.extend_from_slice(&text[..2 * part.len()]);
    }
}
