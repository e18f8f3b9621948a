//! Legacy upstreams still answer in Latin alphabets; everything else here is UTF-8.

use std::borrow::Cow;

use crate::XmlError;

/// The message as text, decoded by its byte order mark, else by the charset of the media type (RFC 7303 §3), else by its
/// XML declaration, else as UTF-8.
pub fn decode<'b>(bytes: &'b [u8], charset: Option<&str>) -> Result<Cow<'b, str>, XmlError> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return utf8(rest),
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    let name = charset.map_or_else(|| declared(bytes), |charset| Some(charset.trim_matches('"')));
    match name.map_or(Some(Charset::Utf8), Charset::named) {
        Some(Charset::Utf8) => utf8(bytes),
        Some(Charset::Latin1) => Ok(latin1(bytes).into()),
        Some(Charset::Windows1252) => windows_1252(bytes),
        Some(Charset::Utf16) | None => Err(XmlError::Encoding),
    }
}

/// Like [`decode`], and refuses a text whose XML declaration says that it is in another encoding: another reader would believe it.
pub fn decode_agreed<'b>(bytes: &'b [u8], charset: Option<&str>) -> Result<Cow<'b, str>, XmlError> {
    let text = decode(bytes, charset)?;
    let by_mark = match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("utf-8"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("utf-16"),
        _ => None,
    };
    let used = by_mark.or(charset.map(|charset| charset.trim_matches('"')));
    let agrees =
        |declared: &str| used.is_none_or(|used| Charset::named(used).is_some() && Charset::named(used) == Charset::named(declared));
    if declared(text.as_bytes()).is_none_or(agrees) { Ok(text) } else { Err(XmlError::Encoding) }
}

/// An encoding that messages are read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, and ASCII, which is a part of it.
    Utf8,
    /// UTF-16, which has to begin with a byte order mark.
    Utf16,
    /// ISO 8859-1.
    Latin1,
    /// What Windows has in its place.
    Windows1252,
}

impl Charset {
    /// The encoding of a name, of which most have several.
    pub fn named(name: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match () {
            () if is(&["utf-8", "utf8", "us-ascii", "ascii"]) => Some(Self::Utf8),
            () if is(&["utf-16", "utf-16le", "utf-16be"]) => Some(Self::Utf16),
            () if is(&["iso-8859-1", "latin1", "iso_8859-1"]) => Some(Self::Latin1),
            () if is(&["windows-1252", "cp1252"]) => Some(Self::Windows1252),
            () => None,
        }
    }
}

/// Text in ISO 8859-1: each byte is the character of its number.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The encoding of an XML declaration; all the encodings read here agree with ASCII in it.
fn declared(bytes: &[u8]) -> Option<&str> {
    let head = bytes.strip_prefix(b"<?xml".as_slice())?;
    let end = memchr::memmem::find(head, b"?>")?;
    let declaration = std::str::from_utf8(&head[..end]).ok()?;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(name, _)| name)
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| XmlError::Encoding)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, XmlError> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return Err(XmlError::Encoding) };
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|&pair| unit(pair))).collect();
    text.map(Cow::Owned).map_err(|_| XmlError::Encoding)
}

/// The bytes 0x80 to 0x9F of Windows-1252; `\0` where the code page has nothing.
const UPPER: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•', '–', '—', '˜', '™',
    'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

fn windows_1252(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    let letter = |&byte: &u8| match byte {
        0x80..=0x9f => Some(UPPER[usize::from(byte - 0x80)]).filter(|&letter| letter != '\0'),
        _ => Some(char::from(byte)),
    };
    bytes.iter().map(letter).collect::<Option<String>>().map(Cow::Owned).ok_or(XmlError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_encodings_of_one_text_do_not_agree() {
        let blank = " ".repeat(300);
        for (declared, charset, agrees) in [
            ("UTF-8", None, true),
            ("utf-8", Some("UTF-8"), true),
            ("us-ascii", Some("utf-8"), true),
            ("ISO-8859-1", Some("latin1"), true),
            ("ISO-8859-1", Some("utf-8"), false),
            ("utf-7", Some("utf-8"), false),
            ("utf-7", None, false),
            ("utf-16", Some("utf-8"), false),
        ] {
            let text = format!("<?xml version='1.0'{blank}encoding='{declared}'?><a/>");
            assert_eq!(decode_agreed(text.as_bytes(), charset).is_ok(), agrees, "{declared} {charset:?}");
        }
        assert!(decode_agreed(b"\xef\xbb\xbf<?xml version='1.0' encoding='latin1'?><a/>", None).is_err());
    }

    #[test]
    fn reads_what_legacy_upstreams_send() {
        let latin = b"<?xml version='1.0' encoding=\"ISO-8859-1\"?><a>\xe0\x80</a>";
        let windows = b"<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>";
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("<a>à😀</a>".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        for (bytes, charset, expected) in [
            (&latin[..], None, Ok("à\u{80}")),
            (windows, None, Ok("€")),
            (&utf16, None, Ok("à😀")),
            (b"\xef\xbb\xbf<a>x</a>", None, Ok("x")),
            (b"<a>\xe8</a>", Some("iso-8859-1"), Ok("è")),
            (b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xc3\xa8</a>", Some("\"UTF-8\""), Ok("è")),
            (b"<a>\xe8</a>", None, Err(XmlError::Encoding)),
            (b"<a/>", Some("utf-7"), Err(XmlError::Encoding)),
            (b"\xff\xfea", None, Err(XmlError::Encoding)),
            (b"<?xml version='1.0' encoding='windows-1252'?><a>\x81</a>", None, Err(XmlError::Encoding)),
        ] {
            let text = decode(bytes, charset);
            match expected {
                Ok(part) => assert!(text.is_ok_and(|text| text.contains(part)), "{part}"),
                Err(error) => assert_eq!(text, Err(error)),
            }
        }
    }
}
