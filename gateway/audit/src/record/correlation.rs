/// Whether a caller's correlation id may stand in the clear: at most 128 characters out of letters, digits and `-._:/+=`, a digit among
/// them, and nothing in it that has the shape of a codice fiscale, whatever stands between its parts. Any other value (an address, a name,
/// a code of somebody) has no place in the record.
pub fn is_safe_correlation(value: &str) -> bool {
    const MOST: usize = 128;
    if !(1..=MOST).contains(&value.len()) || !value.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let mut plain = [0; MOST];
    let mut length = 0;
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() {
            plain[length] = byte;
            length += 1;
        } else if !b"-._:/+=".contains(&byte) {
            return false;
        }
    }
    !plain[..length].windows(16).any(has_codice_fiscale_shape)
}

/// Letters for surname and name, then year, month, day, municipality and check character; a digit may be one of the letters
/// that replace it when two people's codes collide (omocodia).
fn has_codice_fiscale_shape(window: &[u8]) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte.to_ascii_uppercase());
    window.iter().zip(b"AAAAAA00A00A000A").all(|(&byte, &kind)| if kind == b'A' { byte.is_ascii_alphabetic() } else { digit(byte) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_pass_and_people_do_not() {
        for (value, safe) in [
            ("019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a04", true),
            ("IT:GOV/comune:123", true),
            ("mario.rossi@example.it", false),
            ("mario.rossi", false),
            ("", false),
            ("has space", false),
            ("line\nbreak", false),
            ("è", false),
            ("XQZWKY80A01H501T", false),
            ("pratica-xqzwky80a01h501t-1", false),
            ("XQZWKYULALMHRLMT", false),
            ("XQZ-WKY-80A01-H501T", false),
            ("XQZWKY80A01H50-", true),
        ] {
            assert_eq!(is_safe_correlation(value), safe, "{value}");
        }
        assert!(is_safe_correlation(&"7".repeat(128)));
        assert!(!is_safe_correlation(&"7".repeat(129)));
    }
}
