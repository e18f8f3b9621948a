//! Bodies of `multipart/form-data` (RFC 7578, RFC 2046 §5.1), read in place and strictly: whatever two readers might take for different
//! parts is refused.

use std::borrow::Cow;

use crate::pieces::parameters;

/// The most parts of a body.
const MOST_PARTS: usize = 1000;
/// The most bytes of a part's headers.
const MOST_HEADER_BYTES: usize = 8 << 10;
/// The most headers of a part.
const MOST_HEADERS: usize = 32;
/// The longest boundary (RFC 2046 §5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// A part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'b> {
    /// The name of its field.
    pub(crate) name: Cow<'b, str>,
    /// Whether it says that it is a file.
    pub(crate) has_file_name: bool,
    /// Its headers: names in small letters.
    pub(crate) headers: Vec<(String, &'b str)>,
    /// What is in it.
    pub(crate) bytes: &'b [u8],
}

impl<'b> Part<'b> {
    /// The value of one of its headers.
    pub(crate) fn header(&self, name: &str) -> Option<&'b str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// Why a body is not readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    #[error("its media type names no boundary")]
    NoBoundary,
    #[error("it does not begin with its boundary")]
    NoBeginning,
    #[error("it does not end with its boundary")]
    NoEnd,
    #[error("a part holds what stands between parts")]
    Boundary,
    #[error("it has more than {MOST_PARTS} parts")]
    TooManyParts,
    #[error("the headers of a part are too long")]
    HeadersTooLong,
    #[error("a part has a header that is none")]
    Header,
    #[error("a part has a header twice")]
    RepeatedHeader,
    #[error("a part does not say which field it is")]
    NoName,
    #[error("a part is encoded for transfer")]
    Encoded,
}

/// Reads the parts of a body.
pub(crate) fn parts<'b>(boundary: &str, body: &'b [u8]) -> Result<Vec<Part<'b>>, MultipartError> {
    let is_boundary = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    if boundary.is_empty() || boundary.len() > LONGEST_BOUNDARY || boundary.ends_with(' ') || !boundary.bytes().all(is_boundary) {
        return Err(MultipartError::NoBoundary);
    }
    let first = format!("--{boundary}");
    // What stands before the first boundary would be read by nobody here, and perhaps by somebody else.
    let mut rest = body.strip_prefix(first.as_bytes()).ok_or(MultipartError::NoBeginning)?;
    let delimiter = format!("\r\n--{boundary}");
    let finder = memchr::memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return if matches!(end, b"" | b"\r\n") { Ok(parts) } else { Err(MultipartError::NoEnd) };
        }
        // White space may stand behind a boundary (RFC 2046 §5.1.1), and nobody writes any.
        rest = rest.strip_prefix(b"\r\n").ok_or(MultipartError::NoEnd)?;
        if parts.len() == MOST_PARTS {
            return Err(MultipartError::TooManyParts);
        }
        let (headers, after) = headers(rest)?;
        let end = finder.find(after).ok_or(MultipartError::NoEnd)?;
        // Whoever takes a bare line feed for the end of a line would find another part there.
        if memchr::memmem::find(&rest[..rest.len() - after.len() + end], first.as_bytes()).is_some() {
            return Err(MultipartError::Boundary);
        }
        parts.push(part(headers, &after[..end])?);
        rest = &after[end + delimiter.len()..];
    }
}

type Headers<'b> = Vec<(String, &'b str)>;

fn headers(text: &[u8]) -> Result<(Headers<'_>, &[u8]), MultipartError> {
    let mut headers: Headers<'_> = Vec::new();
    let mut rest = text;
    loop {
        let line_end = memchr::memmem::find(&rest[..rest.len().min(MOST_HEADER_BYTES)], b"\r\n").ok_or(MultipartError::HeadersTooLong)?;
        let (line, after) = (&rest[..line_end], &rest[line_end + 2..]);
        if text.len() - after.len() > MOST_HEADER_BYTES || headers.len() > MOST_HEADERS {
            return Err(MultipartError::HeadersTooLong);
        }
        rest = after;
        if line.is_empty() {
            return Ok((headers, rest));
        }
        let line = str::from_utf8(line).map_err(|_| MultipartError::Header)?;
        let (name, value) = line.split_once(':').ok_or(MultipartError::Header)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) || value.chars().any(|symbol| symbol.is_control() && symbol != '\t') {
            return Err(MultipartError::Header);
        }
        let name = name.to_ascii_lowercase();
        if headers.iter().any(|(known, _)| *known == name) {
            return Err(MultipartError::RepeatedHeader);
        }
        headers.push((name, value.trim_matches([' ', '\t'])));
    }
}

fn part<'b>(headers: Headers<'b>, bytes: &'b [u8]) -> Result<Part<'b>, MultipartError> {
    let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let encoding = find("content-transfer-encoding");
    // RFC 7578 §4.7: it is not used; what says so and is read as it stands would be another thing to somebody else.
    if encoding.is_some_and(|encoding| !["7bit", "8bit", "binary"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain))) {
        return Err(MultipartError::Encoded);
    }
    let disposition = find("content-disposition").ok_or(MultipartError::NoName)?;
    let mut parameters = parameters(disposition).map(|parameter| parameter.ok_or(MultipartError::Header));
    if !parameters.next().transpose()?.is_some_and(|(kind, _)| kind.eq_ignore_ascii_case("form-data")) {
        return Err(MultipartError::NoName);
    }
    let mut found = [None, None, None];
    for parameter in parameters {
        let (key, value) = parameter?;
        // Any other, such as `name*`, is the name to some.
        let place = ["name", "filename", "filename*"].iter().position(|known| key.eq_ignore_ascii_case(known));
        let place = place.ok_or(MultipartError::Header)?;
        if found[place].replace(value).is_some() {
            return Err(MultipartError::RepeatedHeader);
        }
    }
    let [name, file_name, coded] = found;
    let name = name.filter(|name| !name.is_empty()).ok_or(MultipartError::NoName)?;
    // Where a quotation ends in it is not the same to everybody.
    if name.contains(['"', '\\']) {
        return Err(MultipartError::Header);
    }
    Ok(Part { name, has_file_name: file_name.or(coded).is_some(), headers, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_parts() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
            content-disposition: form-data; filename=\"f;\\\".png\"; name=b\r\nContent-Type: image/png\r\n\r\n\r\n--\r\n--xy\r\n--x--\r\n";
        let error = parts("x", body).map(drop);
        assert_eq!(error, Err(MultipartError::NoEnd), "a delimiter that goes on is none of ours, and might be somebody's");
        let body = body.replacen(b"--xy", b"-xy");
        let found = parts("x", &body).expect("two parts");
        let told: Vec<_> = found.iter().map(|part| (&*part.name, part.has_file_name, part.header("content-type"), part.bytes)).collect();
        assert_eq!(told, [("a", false, None, &b"1"[..]), ("b", true, Some("image/png"), b"\r\n--\r\n-xy")]);
    }

    trait Replacen {
        fn replacen(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
    }

    impl<const N: usize> Replacen for [u8; N] {
        fn replacen(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
            let at = self.windows(from.len()).position(|window| window == from).expect("it is there");
            [&self[..at], to, &self[at + from.len()..]].concat()
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let one = |headers: &str| format!("--x\r\n{headers}\r\n\r\nv\r\n--x--");
        let name = "Content-Disposition: form-data; name=\"a\"";
        for (body, expected) in [
            (String::new(), MultipartError::NoBeginning),
            (format!("prima\r\n{}", one(name)), MultipartError::NoBeginning),
            (format!("{}dopo", one(name)), MultipartError::NoEnd),
            (one(name).replace("--x--", "--x"), MultipartError::NoEnd),
            (one(name).replace("\r\n--x--", ""), MultipartError::NoEnd),
            (one(name).replace("\r\n", "\n"), MultipartError::NoEnd),
            (one("X: y"), MultipartError::NoName),
            (one("Content-Disposition: attachment; name=\"a\""), MultipartError::NoName),
            (one("Content-Disposition: form-data; name=\"\""), MultipartError::NoName),
            (one("Content-Disposition: form-data; name=\"a\"; name=\"b\""), MultipartError::RepeatedHeader),
            (one(&format!("{name}\r\n{name}")), MultipartError::RepeatedHeader),
            (one(&format!("{name}\r\n folded")), MultipartError::Header),
            (one("Content-Disposition: form-data; name=\"a"), MultipartError::Header),
            (one("Content-Disposition form-data"), MultipartError::Header),
            (one("Content-Disposition: form-data; name=\"a\"; name*=UTF-8''b"), MultipartError::Header),
            (one("Content-Disposition: form-data; name=\"a\\\"b\""), MultipartError::Header),
            (one("Content-Disposition: form-data; name=\"a\"; filename=b; filename=c"), MultipartError::RepeatedHeader),
            (format!("--x\r\n{name}\r\n\r\nv\n--x\n{name}\n\nw\r\n--x--"), MultipartError::Boundary),
            (one(&format!("{name}\r\nContent-Transfer-Encoding: base64")), MultipartError::Encoded),
            (one(&format!("{name}\r\nx: {}", "y".repeat(9000))), MultipartError::HeadersTooLong),
            (format!("{}--", format!("--x\r\n{name}\r\n\r\n\r\n").repeat(1001)) + "--x", MultipartError::TooManyParts),
        ] {
            assert_eq!(parts("x", body.as_bytes()), Err(expected), "{body:.80}");
        }
        for boundary in ["", "a ", "è", &"x".repeat(71)] {
            assert_eq!(parts(boundary, b"--x--"), Err(MultipartError::NoBoundary), "{boundary}");
        }
    }
}
