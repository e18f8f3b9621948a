use crate::{Flaw, Malformed, Part, TrustError};

/// How a voucher was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750: whoever holds it may use it.
    Bearer,
    /// RFC 9449: whoever holds it must prove a key.
    Dpop,
}

/// The scheme and the token of the only `Authorization` header, given the values of all of them.
pub fn bearer<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<(Scheme, &'a str), TrustError> {
    let value = values.next().ok_or(TrustError::Missing)?;
    if values.next().is_some() {
        return Err(TrustError::Duplicate);
    }
    let value = value.trim_ascii();
    let end = value.iter().position(|&byte| byte == b' ').unwrap_or(value.len());
    let (name, rest) = value.split_at(end);
    let scheme = scheme(name).ok_or(TrustError::WrongScheme)?;
    let token = token68(rest.trim_ascii_start()).ok_or(Malformed::new(Part::Authorization, Flaw::NotToken68))?;
    Ok((scheme, token))
}

fn scheme(name: &[u8]) -> Option<Scheme> {
    if name.eq_ignore_ascii_case(b"bearer") {
        Some(Scheme::Bearer)
    } else if name.eq_ignore_ascii_case(b"dpop") {
        Some(Scheme::Dpop)
    } else {
        None
    }
}

/// RFC 9110 §11.2: at least one of these characters, then any number of `=`.
fn token68(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let body = text.trim_end_matches('=').as_bytes();
    // Without an early end, so that the compiler looks at many bytes at once: this runs for every exchange.
    let plain = body.iter().fold(true, |plain, &byte| plain & is_plain(byte));
    (!body.is_empty() && plain).then_some(text)
}

fn is_plain(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `-`, `.`, `/` and the digits stand in a row.
    let digit = byte.wrapping_sub(b'-') <= b'9' - b'-';
    letter || digit || byte == b'_' || byte == b'~' || byte == b'+'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_character() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_plain(byte), expected, "{byte:#x}");
        }
    }

    #[test]
    fn takes_exactly_one_token() {
        let malformed = Err(TrustError::Malformed(Malformed::new(Part::Authorization, Flaw::NotToken68)));
        type Case = (&'static [&'static str], Result<(Scheme, &'static str), TrustError>);
        let cases: [Case; 16] = [
            (&[], Err(TrustError::Missing)),
            (&["Bearer a.b.c"], Ok((Scheme::Bearer, "a.b.c"))),
            (&["bEARER  a.b.c "], Ok((Scheme::Bearer, "a.b.c"))),
            (&["DPOP a-._~+/9=="], Ok((Scheme::Dpop, "a-._~+/9=="))),
            (&["Bearer a", "Bearer a"], Err(TrustError::Duplicate)),
            (&["Bearer a", ""], Err(TrustError::Duplicate)),
            (&[""], Err(TrustError::WrongScheme)),
            (&["a.b.c"], Err(TrustError::WrongScheme)),
            (&["Basic dTpw"], Err(TrustError::WrongScheme)),
            (&["Bearer\ta"], Err(TrustError::WrongScheme)),
            (&["Bearer"], malformed.clone()),
            (&["Bearer "], malformed.clone()),
            (&["Bearer ="], malformed.clone()),
            (&["Bearer a=b"], malformed.clone()),
            (&["Bearer a, Bearer b"], malformed.clone()),
            (&["Bearer \u{e0}"], malformed.clone()),
        ];
        for (values, expected) in cases {
            assert_eq!(bearer(values.iter().map(|value| value.as_bytes())), expected, "{values:?}");
        }
        assert_eq!(bearer([&b"Bearer \xff"[..]].into_iter()), malformed);
    }
}
