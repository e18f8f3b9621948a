//! Header values in pieces: media types and dispositions with their parameters.

use std::borrow::Cow;

/// The pieces of a header between its semicolons, `key`, `key=value` or `key="quoted \" value"` (RFC 9110 §5.6.6); `None` for one that cannot
/// be read, after which nothing can.
pub(crate) fn parameters(text: &str) -> Pieces<'_> {
    Pieces { rest: Some(text).filter(|text| !text.is_empty()) }
}

/// See [`parameters`].
pub(crate) struct Pieces<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Option<(&'a str, Cow<'a, str>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let key_end = rest.find(['=', ';']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(key_end);
        let quoted = after.strip_prefix('=').and_then(|value| value.trim_start().strip_prefix('"'));
        let (value, after) = match (after.strip_prefix('='), quoted) {
            (None, _) => (Cow::Borrowed(""), after),
            (Some(_), Some(quoted)) => match unquoted(quoted) {
                Some(read) => read,
                None => return Some(None),
            },
            (Some(value), None) => {
                let (value, after) = value.split_at(value.find(';').unwrap_or(value.len()));
                (Cow::Borrowed(value.trim()), after)
            }
        };
        let after = after.trim_start();
        self.rest = after.strip_prefix(';');
        (after.is_empty() || self.rest.is_some()).then_some((key.trim(), value)).into()
    }
}

/// What is written until the closing quotation mark, and what follows.
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text[end..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut value = String::new();
    let mut symbols = text.char_indices();
    while let Some((at, symbol)) = symbols.next() {
        match symbol {
            '"' => return Some((Cow::Owned(value), &text[at + 1..])),
            '\\' => match symbols.next()?.1 {
                escaped @ ('"' | '\\') => value.push(escaped),
                // Some browsers wrote paths of files so.
                other => value.extend(['\\', other]),
            },
            symbol => value.push(symbol),
        }
    }
    None
}
