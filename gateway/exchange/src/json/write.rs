/// Writes a string as JSON: quoted, with the shortest escapes (RFC 8259 §7, and as RFC 8785 §3.2.2.2 wants them).
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        if escape.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
        plain = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

/// Writes the name of a member and the colon, after a comma unless it is the first.
pub fn push_key(out: &mut Vec<u8>, name: &str) {
    if !matches!(out.last(), Some(b'{') | None) {
        out.push(b',');
    }
    push_string(out, name);
    out.push(b':');
}
