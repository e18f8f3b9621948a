//! The spelling of paths: one for each path, and none for what somebody else might take for another.

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What a path cannot hold as it is (RFC 3986 §3.3), beside what is not ASCII; some send it all the same.
const NOT_IN_PATHS: AsciiSet =
    CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'|').add(b'[').add(b']').add(b'{').add(b'}');

/// What ends a text, or a line of it, for some readers: what they would see is another path.
const CUTTING: [char; 3] = ['\0', '\r', '\n'];

/// Characters that mean nothing in a path as such, and may in a segment (RFC 3986 §3.3).
const DELIMITERS: &[u8] = b"!$&'()*+,;=:@";

/// The path with unreserved characters unescaped, escapes in capitals, and escaped what cannot stand in it (RFC 3986 §6.2.2); `None` for what
/// another reader might take for another path.
pub(crate) fn normal(path: &str) -> Option<Cow<'_, str>> {
    let is_plain = |byte: u8| is_unreserved(byte) || byte == b'/' || DELIMITERS.contains(&byte);
    let path = if path.bytes().all(is_plain) { Cow::Borrowed(path) } else { Cow::Owned(spelt(path)?) };
    let mut segments = path.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        // Only the last segment may be empty: that is a trailing slash.
        if (segment.is_empty() && segments.peek().is_some()) || !is_one_segment(segment) {
            return None;
        }
    }
    Some(path)
}

/// A text as it stands in a normal path; `None` where a percent sequence in it is none.
pub(crate) fn spelt(text: &str) -> Option<String> {
    unescape(&Cow::from(utf8_percent_encode(text, &NOT_IN_PATHS)), is_unreserved)
}

/// A normal path with its delimiters unescaped as well.
pub(crate) fn unescape_delimiters(path: &str) -> Option<String> {
    unescape(path, |byte| DELIMITERS.contains(&byte))
}

/// The paths that are left of a normal one for whoever decodes all of it, once or twice, and for whoever leaves out as well what stands behind
/// semicolons, before that or after.
pub(crate) fn as_others_read(path: &str) -> Vec<String> {
    let decode = |path: &str| percent_decode_str(path).decode_utf8_lossy().into_owned();
    let strip = |path: &str| {
        let segments: Vec<&str> = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
        segments.join("/")
    };
    let mut read = vec![strip(path)];
    for path in [path.to_owned(), strip(path)] {
        let once = decode(&path);
        read.push(strip(&once));
        if once.contains('%') {
            let twice = decode(&once);
            read.extend([strip(&twice), twice]);
        }
        read.push(once);
    }
    read
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Unescapes some of what is escaped, and writes the other escapes in capitals; `None` where one is none.
fn unescape(text: &str, unescaped: impl Fn(u8) -> bool) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let digits = after.get(..2).filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        match u8::from_str_radix(digits, 16).ok()? {
            byte if unescaped(byte) => plain.push(char::from(byte)),
            byte => write!(plain, "%{byte:02X}").ok()?,
        }
        rest = after.get(2..)?;
    }
    plain.push_str(rest);
    Some(plain)
}

/// Whether nobody who decodes a segment, once or twice, walks along it: no dot segment, with a slash of whatever kind beside it or with
/// parameters behind it, as some servers read `..;x`, and nothing that ends a text for somebody.
fn is_one_segment(segment: &str) -> bool {
    // Most segments have nothing to decode and nothing to walk with.
    if !segment.bytes().any(|byte| matches!(byte, b'%' | b';' | b'.' | b'\\') || byte.is_ascii_control()) {
        return true;
    }
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    let stays = |text: &str| !text.split(['/', '\\']).any(is_dots) && !text.contains(CUTTING);
    // What decodes to no text at first is no path; what does so only the second time may be what it was.
    let Ok(once) = percent_decode_str(segment).decode_utf8() else { return false };
    let twice = percent_decode_str(&once).decode_utf8_lossy();
    [segment, &once, &twice].into_iter().all(stays)
}
