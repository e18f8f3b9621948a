use exchange::ExchangeId;

/// The raw text of a top-level member of a canonical object; quicker than reading the whole value into a tree.
///
/// On text that is not canonical it may find nothing or the wrong thing, but it never panics and passes over each byte once.
pub(crate) fn raw<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    members(object).find(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
}

/// A top-level string without escapes: an id, an instant, one of our own words.
pub(crate) fn text<'a>(object: &'a [u8], name: &str) -> Option<&'a str> {
    let raw = raw(object, name)?.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(raw).ok().filter(|text| !text.contains('\\'))
}

/// The exchange a record is about.
pub(crate) fn exchange_id(object: &[u8]) -> Option<ExchangeId> {
    text(object, "id").and_then(ExchangeId::parse)
}

/// The top-level members, in order: name and raw value.
pub(crate) fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = object.strip_prefix(b"{").unwrap_or_default();
    std::iter::from_fn(move || {
        let after = rest.strip_prefix(b",").unwrap_or(rest).strip_prefix(b"\"")?;
        let name_length = after.iter().position(|&byte| byte == b'"')?;
        let (name, value) = after.split_at(name_length);
        let value = value.strip_prefix(b"\":")?;
        let (value, next) = value.split_at(value_length(value)?);
        rest = next;
        Some((name, value))
    })
}

/// How long the value at the start of this text is: up to the comma or brace that ends its member.
fn value_length(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        if in_string {
            (in_string, escaped) = match byte {
                _ if escaped => (true, false),
                b'\\' => (true, true),
                b'"' => (false, false),
                _ => (true, false),
            };
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b',' | b'}' if depth == 0 => return Some(at),
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_members_of_the_outermost_object_only() {
        let object = br#"{"ad":{"id":"no","x":[1,{"id":"no"}]},"drift":["\",\"id\":\"no"],"id":"yes","n":7}"#;
        assert_eq!(text(object, "id"), Some("yes"));
        assert_eq!(raw(object, "n"), Some(b"7".as_slice()));
        assert_eq!(raw(object, "ad"), Some(br#"{"id":"no","x":[1,{"id":"no"}]}"#.as_slice()));
        assert_eq!(raw(object, "x"), None);
        assert_eq!(members(object).count(), 4);
    }

    #[test]
    fn survives_what_is_not_an_object() {
        for text in ["", "{", "{}", "[", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":]", "{\"a\":1", "null"] {
            assert_eq!(members(text.as_bytes()).count(), 0, "{text}");
        }
    }
}
