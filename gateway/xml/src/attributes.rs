use std::borrow::Cow;

use crate::{XmlError, is_space};

/// The attributes of a start tag, as pairs of a written name and a normalized value (XML 1.0 §3.3.3).
///
/// quick-xml's own iterator borrows from the event; names must outlive it here, because they are kept while an element is
/// open. This one is stricter too: blanks between attributes, no `<` in a value.
pub struct Attributes<'x> {
    rest: &'x str,
    longest: usize,
}

impl<'x> Attributes<'x> {
    /// Reads what follows the name in a start tag.
    pub fn new(rest: &'x str, longest: usize) -> Self {
        Self { rest, longest }
    }

    fn read(&mut self) -> Result<(&'x str, Cow<'x, str>), XmlError> {
        if !self.rest.starts_with(is_space) {
            return Err(XmlError::Malformed);
        }
        let (name, rest) = self.rest.trim_start_matches(is_space).split_once('=').ok_or(XmlError::Malformed)?;
        let name = name.trim_end_matches(is_space);
        let rest = rest.trim_start_matches(is_space);
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or(XmlError::Malformed)?;
        let (value, rest) = rest[1..].split_once(quote).ok_or(XmlError::Malformed)?;
        if name.is_empty() || name.bytes().any(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'<' | b'&')) {
            return Err(XmlError::Malformed);
        }
        if value.len() > self.longest {
            return Err(XmlError::Limit("the length of an attribute"));
        }
        self.rest = rest;
        Ok((name, normalized(value)?))
    }
}

impl<'x> Iterator for Attributes<'x> {
    type Item = Result<(&'x str, Cow<'x, str>), XmlError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.trim_start_matches(is_space).is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.rest = "";
        }
        Some(item)
    }
}

fn normalized(value: &str) -> Result<Cow<'_, str>, XmlError> {
    // 0xEF begins the two non-characters that XML forbids.
    if value.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'&' | b'<' | 0xef)) {
        return Ok(Cow::Borrowed(value));
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            '&' => {
                let (name, after) = rest.split_once(';').ok_or(XmlError::Malformed)?;
                out.push(reference(name)?);
                rest = after;
            }
            '\r' => {
                rest = rest.strip_prefix('\n').unwrap_or(rest);
                out.push(' ');
            }
            '\t' | '\n' => out.push(' '),
            '<' => return Err(XmlError::Malformed),
            letter if !allowed(letter) => return Err(XmlError::Character),
            letter => out.push(letter),
        }
    }
    Ok(Cow::Owned(out))
}

/// What `&name;` stands for. There is no DTD, so that only the five built-in entities and character references exist.
pub fn reference(name: &str) -> Result<char, XmlError> {
    let letter = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => {
            let digits = name.strip_prefix('#').ok_or(XmlError::Entity)?;
            let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |digits| (digits, 16));
            let clean = !digits.is_empty() && digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let code = clean.then(|| u32::from_str_radix(digits, radix).ok()).flatten();
            code.and_then(char::from_u32).filter(|&letter| allowed(letter)).ok_or(XmlError::Character)?
        }
    };
    Ok(letter)
}

/// Whether XML 1.0 (§2.2) has this character at all.
pub fn allowed(letter: char) -> bool {
    !matches!(letter, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs_and_refuses_the_rest() {
        let all =
            |text| Attributes::new(text, 20).map(|pair| pair.map(|(name, value)| format!("{name}={value}"))).collect::<Result<Vec<_>, _>>();
        for (text, expected) in [
            ("", Ok(vec![])),
            (" a='1' b = \"&lt;&#x41;\t\r\n\"", Ok(vec!["a=1".to_owned(), "b=<A  ".to_owned()])),
            (" a='1'b='2'", Err(XmlError::Malformed)),
            (" a=1", Err(XmlError::Malformed)),
            (" a", Err(XmlError::Malformed)),
            (" a='<'", Err(XmlError::Malformed)),
            (" a='&x;'", Err(XmlError::Entity)),
            (" a='&#0;'", Err(XmlError::Character)),
            (" a='&#xD800;'", Err(XmlError::Character)),
            (" a='123456789012345678901'", Err(XmlError::Limit("the length of an attribute"))),
        ] {
            assert_eq!(all(text), expected, "{text}");
        }
    }
}
