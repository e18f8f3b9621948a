use crate::plan::Rule;

/// Which bytes need a closer look. 0xEF begins the two non-characters that XML forbids, among many harmless ones.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'&' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'"' as usize] = true;
    table[0xef] = true;
    table
};

/// Writes text between tags. A carriage return leaves as a reference, or the upstream's parser would make it a line feed;
/// `>` too, so that `]]>` never appears.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) -> Result<(), Rule> {
    push(out, text, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'\r' => Some(b"&#13;"),
        _ => None,
    })
}

/// Writes the value of an attribute between double quotes: tabs and line feeds are references too, or they become blanks.
pub(crate) fn push_attribute(out: &mut Vec<u8>, text: &str) -> Result<(), Rule> {
    push(out, text, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'"' => Some(b"&quot;"),
        b'\r' => Some(b"&#13;"),
        b'\n' => Some(b"&#10;"),
        b'\t' => Some(b"&#9;"),
        _ => None,
    })
}

fn push(out: &mut Vec<u8>, text: &str, escape: fn(u8) -> Option<&'static [u8]>) -> Result<(), Rule> {
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !SPECIAL[usize::from(byte)] {
            continue;
        }
        match escape(byte) {
            Some(reference) => {
                out.extend_from_slice(&bytes[plain..at]);
                out.extend_from_slice(reference);
                plain = at + 1;
            }
            None if byte < b' ' && !matches!(byte, b'\t' | b'\n') => return Err(Rule::Character),
            None if byte == 0xef && matches!(bytes.get(at + 1..at + 3), Some([0xbf, 0xbe | 0xbf])) => return Err(Rule::Character),
            None => {}
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_parsers_would_change() {
        let text = |text: &str| {
            let mut out = Vec::new();
            push_text(&mut out, text).map(|()| String::from_utf8(out).expect("UTF-8"))
        };
        let attribute = |text: &str| {
            let mut out = Vec::new();
            push_attribute(&mut out, text).map(|()| String::from_utf8(out).expect("UTF-8"))
        };
        assert_eq!(text("a]]>\r\n\t\"&<è😀\u{ff}").as_deref(), Ok("a]]&gt;&#13;\n\t\"&amp;&lt;è😀\u{ff}"));
        assert_eq!(attribute("a\r\n\t\"'&<").as_deref(), Ok("a&#13;&#10;&#9;&quot;'&amp;&lt;"));
        for bad in ["\0", "\u{1f}", "\u{fffe}", "\u{ffff}", "a\u{8}"] {
            assert_eq!(text(bad), Err(Rule::Character));
            assert_eq!(attribute(bad), Err(Rule::Character));
        }
        assert_eq!(text("\u{fffd}\u{ff0c}").as_deref(), Ok("\u{fffd}\u{ff0c}"));
    }
}
