use super::{JcsError, MAX_INTEGER};

/// How deep a record may nest; its own shape needs four levels.
pub const MAX_DEPTH: usize = 32;

/// One pass over the text, with the open containers on a stack of our own: the depth is the attacker's.
pub(super) fn check(text: &[u8]) -> Result<(), JcsError> {
    std::str::from_utf8(text).map_err(|_| JcsError::NotUtf8)?;
    if text.first() != Some(&b'{') {
        return Err(JcsError::Syntax(0));
    }
    let mut walk = Walk { text, at: 0, open: Vec::with_capacity(8) };
    walk.value()?;
    while !walk.open.is_empty() {
        walk.step()?;
    }
    if walk.at == text.len() { Ok(()) } else { Err(JcsError::Syntax(walk.at)) }
}

/// A container that is not closed yet.
enum Open<'a> {
    Array { empty: bool },
    Object { last: Option<&'a [u8]> },
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    open: Vec<Open<'a>>,
}

impl<'a> Walk<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), JcsError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(JcsError::Syntax(self.at))
        }
    }

    /// Reads the next item or member of the innermost container, or its end.
    fn step(&mut self) -> Result<(), JcsError> {
        let (closing, empty) = match self.open.last() {
            Some(Open::Array { empty }) => (b']', *empty),
            Some(Open::Object { last }) => (b'}', last.is_none()),
            None => return Ok(()),
        };
        if self.peek() == Some(closing) {
            self.at += 1;
            self.open.pop();
            return Ok(());
        }
        if !empty {
            self.expect(b',')?;
        }
        if closing == b'}' {
            self.name()?;
        } else if let Some(Open::Array { empty }) = self.open.last_mut() {
            *empty = false;
        }
        self.value()
    }

    fn name(&mut self) -> Result<(), JcsError> {
        self.expect(b'"')?;
        let start = self.at;
        while let Some(byte) = self.peek().filter(|&byte| byte != b'"') {
            if !(0x20..0x7f).contains(&byte) || byte == b'\\' {
                return Err(JcsError::Name);
            }
            self.at += 1;
        }
        let name = &self.text[start..self.at];
        self.expect(b'"')?;
        self.expect(b':')?;
        if let Some(Open::Object { last }) = self.open.last_mut() {
            if last.is_some_and(|last| last >= name) {
                return Err(JcsError::Order);
            }
            *last = Some(name);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<(), JcsError> {
        match self.peek() {
            Some(b'{') => self.enter(Open::Object { last: None }),
            Some(b'[') => self.enter(Open::Array { empty: true }),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => Err(JcsError::Null),
            _ => Err(JcsError::Syntax(self.at)),
        }
    }

    fn enter(&mut self, container: Open<'a>) -> Result<(), JcsError> {
        if self.open.len() == MAX_DEPTH {
            return Err(JcsError::TooDeep);
        }
        self.open.push(container);
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), JcsError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(JcsError::Syntax(self.at));
        }
        self.at += word.len();
        Ok(())
    }

    fn integer(&mut self) -> Result<(), JcsError> {
        let minus = self.peek() == Some(b'-');
        self.at += usize::from(minus);
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            value = value.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        let plain = match digits {
            [] => false,
            [b'0'] => !minus,
            [first, ..] => *first != b'0',
        };
        if !plain || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(JcsError::NotAnInteger);
        }
        if value > MAX_INTEGER { Err(JcsError::TooLarge) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<(), JcsError> {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(JcsError::Syntax(self.at)),
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(..0x20) => return Err(JcsError::Escape),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    /// The shortest escapes only (RFC 8785 §3.2.2.2): two characters where JSON has them, else `\u00xx` in lower case.
    fn escape(&mut self) -> Result<(), JcsError> {
        let rest = &self.text[self.at + 1..];
        let length = match rest {
            [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', b'0', b'0', high @ (b'0' | b'1'), low @ (b'0'..=b'9' | b'a'..=b'f'), ..] => {
                let has_short_form = *high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd');
                if has_short_form {
                    return Err(JcsError::Escape);
                }
                6
            }
            _ => return Err(JcsError::Escape),
        };
        self.at += length;
        Ok(())
    }
}
