//! As much of HTTP/1.1 as the benchmark's two ends need: where a message ends, and which bytes are its body.
//!
//! It trusts its peers to frame honestly and gives up otherwise; it is no parser for the gateway.

use std::ops::Range;

/// Where a message that stands whole at the start of the bytes has its parts.
#[derive(Debug)]
pub(crate) struct Message {
    /// The request line or status line, without its line end.
    pub(crate) first_line: Range<usize>,
    /// The body, with its chunks' framing still in it if it came in chunks.
    pub(crate) body: Range<usize>,
    /// Whether the body came in chunks.
    pub(crate) chunked: bool,
}

/// The message at the start of the bytes, or nothing as long as it is incomplete.
pub(crate) fn message(bytes: &[u8]) -> Option<Message> {
    let head = find(bytes, b"\r\n\r\n")?;
    let line = find(bytes, b"\r\n")?;
    let start = head + 4;
    let mut length = 0;
    let mut chunked = false;
    for field in bytes[line..head].split(|byte| *byte == b'\n') {
        if let Some(value) = field_value(field, b"content-length:") {
            length = value.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit.wrapping_sub(b'0')));
        } else if field_value(field, b"transfer-encoding:").is_some() {
            chunked = true;
        }
    }
    let end = if chunked { start + chunks_end(&bytes[start..])? } else { start + length };
    (end <= bytes.len()).then_some(Message { first_line: 0..line, body: start..end, chunked })
}

/// The body without the framing of its chunks.
pub(crate) fn dechunked(framed: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(framed.len());
    let mut rest = framed;
    while let Some((size, line)) = chunk(rest).filter(|(size, _)| *size > 0) {
        body.extend_from_slice(&rest[line..line + size]);
        rest = &rest[line + size + 2..];
    }
    body
}

/// The length of all chunks with the last one and its empty trailer, once they are there.
fn chunks_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let (size, line) = chunk(&bytes[at..])?;
        at += line + size + 2;
        if at > bytes.len() {
            return None;
        }
        if size == 0 {
            return Some(at);
        }
    }
}

/// The size of the chunk that begins here, and the length of the line that says so.
fn chunk(bytes: &[u8]) -> Option<(usize, usize)> {
    let line = find(bytes, b"\r\n")?;
    let digits = std::str::from_utf8(&bytes[..line]).ok()?;
    let size = usize::from_str_radix(digits.split(';').next()?.trim(), 16).ok()?;
    Some((size, line + 2))
}

/// The value of a header field if its name, in lower case with the colon, is this one.
fn field_value<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, value) = field.split_at_checked(name.len())?;
    found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
