//! Formats that JSON Schema does not define: those of OpenAPI's registry, and two of the field.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::str::FromStr as _;

use serde_json::{Map, Number, Value};

use crate::decimal::Decimal;
use crate::digits::{DIGITS, written};

/// A format of texts, and what tells whether a text has it.
type Format = (&'static str, fn(&str) -> bool);

/// Those that the validator does not know by itself.
pub(crate) const FORMATS: [Format; 6] = [
    ("byte", is_base64),
    ("base64url", is_base64url),
    ("char", is_character),
    ("decimal", is_decimal),
    ("codice-fiscale", is_codice_fiscale),
    ("partita-iva", is_partita_iva),
];

/// How wide a number is (`int32`, `int64`, `float`, `double`): a validator's formats see texts only, so it is bounded as well.
pub(crate) fn bound_numbers(lowered: &mut Map<String, Value>) {
    let real = |most: f64| (Number::from_f64(-most), Number::from_f64(most));
    let bounds = match lowered.get("format").and_then(Value::as_str) {
        Some("int8") => (Some(i8::MIN.into()), Some(i8::MAX.into())),
        Some("int16") => (Some(i16::MIN.into()), Some(i16::MAX.into())),
        Some("int32") => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        Some("int64") => (Some(i64::MIN.into()), Some(i64::MAX.into())),
        Some("uint8") => (Some(0.into()), Some(u8::MAX.into())),
        Some("uint16") => (Some(0.into()), Some(u16::MAX.into())),
        Some("uint32") => (Some(0.into()), Some(u32::MAX.into())),
        Some("uint64") => (Some(0.into()), Some(u64::MAX.into())),
        Some("double-int") => return whole(lowered),
        Some("float") => real(f32::MAX.into()),
        Some("double") => real(f64::MAX),
        _ => return,
    };
    let (Some(least), Some(most)) = bounds else { return };
    if least.is_i64() {
        whole(lowered);
    }
    for (bound, limit, beyond) in [("minimum", least, Ordering::Less), ("maximum", most, Ordering::Greater)] {
        let pointer = format!("/{bound}");
        let own = written(lowered, &pointer);
        if own.is_none_or(|own| Decimal::read(&own).compare(&Decimal::read(&limit.to_string())) == beyond) {
            lowered.insert(bound.into(), limit.into());
            lowered.get_mut(DIGITS).and_then(Value::as_object_mut).and_then(|digits| digits.remove(&pointer));
        }
    }
}

/// Of the numbers that a schema allows only the whole ones.
fn whole(lowered: &mut Map<String, Value>) {
    let change = |kind: &mut Value| {
        if kind == "number" {
            *kind = "integer".into();
        }
    };
    match lowered.get_mut("type") {
        Some(Value::Array(kinds)) => {
            kinds.iter_mut().for_each(change);
            let mut seen = HashSet::new();
            kinds.retain(|kind| seen.insert(kind.clone()));
        }
        kind => kind.into_iter().for_each(change),
    }
}

/// RFC 4648 §4, padding included.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let alphabet = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    text.len().is_multiple_of(4) && text.len() - body.len() <= 2 && alphabet
}

/// RFC 4648 §5, with padding or without.
fn is_base64url(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let alphabet = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    body.len() % 4 != 1 && (padding == 0 || (padding <= 2 && text.len().is_multiple_of(4))) && alphabet
}

/// A single character (OpenAPI's format registry).
fn is_character(text: &str) -> bool {
    text.chars().count() == 1
}

/// A number as JSON writes one (OpenAPI's format registry).
fn is_decimal(text: &str) -> bool {
    Number::from_str(text).is_ok()
}

/// The natural person's code of 16 characters, one of those that tell two people with the same data apart included (omocodia), or the 11
/// digits of whoever has no other (D.M. 23/12/1976; pdnd-modi §11.1). Neither that the place exists nor that the day does is looked at.
fn is_codice_fiscale(text: &str) -> bool {
    /// What a character in an odd place counts, in the order of the digits and of the letters.
    const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let Ok(code) = <&[u8; 16]>::try_from(text.as_bytes()) else { return is_partita_iva(text) };
    let is_in_place = |(place, &byte): (usize, &u8)| match place {
        6 | 7 | 9 | 10 | 12..=14 => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte),
        8 => b"ABCDEHLMPRST".contains(&byte),
        _ => byte.is_ascii_uppercase(),
    };
    if !code.iter().enumerate().all(is_in_place) {
        return false;
    }
    let value = |byte: u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let (body, check) = (&code[..15], code[15]);
    let count = |(place, &byte): (usize, &u8)| if place % 2 == 0 { ODD[value(byte) as usize] } else { value(byte) };
    body.iter().enumerate().map(count).sum::<u32>() % 26 == value(check)
}

/// Eleven digits, the last of which follows from the others (pdnd-modi §11.2).
fn is_partita_iva(text: &str) -> bool {
    let Ok(code) = <&[u8; 11]>::try_from(text.as_bytes()) else { return false };
    if !code.iter().all(u8::is_ascii_digit) || code == b"00000000000" {
        return false;
    }
    let count = |(place, &byte): (usize, &u8)| {
        let digit = u32::from(byte - b'0');
        match (place % 2, digit) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        }
    };
    code.iter().enumerate().map(count).sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_codes_of_the_field() {
        for (text, valid) in [
            ("RSSMRA80A01H501U", true),
            ("RSSMRA79B11C566R", true),
            ("DPLPRM90R10H501I", true),
            ("BNCGLI85T50F205Z", true),
            ("VRDLCU72P15L219O", true),
            // Omocodia: some of the digits, and all of them.
            ("RSSMRA80A01H50MM", true),
            ("BNCGLI85T50F20RU", true),
            ("BNCGLI85T50F2LRF", true),
            ("BNCGLIURTRLFNLRS", true),
            ("RSSMRA80A01H501Z", false),
            ("MRORSS77T05E472I", false),
            ("MRORSS77T05E472N", true),
            ("RRANGL74M28R701V", false),
            ("RRANGL74M28R701D", true),
            ("rssmra80a01h501u", false),
            ("RSSMRA80F01H501U", false),
            ("RSSMRA80A01H501", false),
            ("RSSMRÀ80A01H501", false),
            ("", false),
            ("12345678903", true),
        ] {
            assert_eq!(is_codice_fiscale(text), valid, "{text}");
        }
        for (text, valid) in [
            ("12345678903", true),
            ("00155560121", true),
            ("00354730392", true),
            ("07643730208", true),
            ("11111111115", true),
            ("12345678904", false),
            ("00000000000", false),
            ("IT12345678903", false),
            ("1234567890", false),
            ("1234567890a", false),
        ] {
            assert_eq!(is_partita_iva(text), valid, "{text}");
        }
    }

    #[test]
    fn knows_the_formats_of_the_registry() {
        for (text, valid) in [("1.50", true), ("-0", true), ("1e3", true), ("01", false), ("1,5", false), ("", false), ("NaN", false)] {
            assert_eq!(is_decimal(text), valid, "{text}");
        }
        for (text, valid) in [("", true), ("YQ==", true), ("YWI=", true), ("YWJj", true), ("YQ", false), ("Y===", false), ("YW-_", false)] {
            assert_eq!(is_base64(text), valid, "{text}");
        }
        for (text, valid) in [("", true), ("YQ", true), ("YQ==", true), ("YW-_", true), ("Y", false), ("YQ=", false), ("YW+/", false)] {
            assert_eq!(is_base64url(text), valid, "{text}");
        }
        for (text, valid) in [("a", true), ("è", true), ("", false), ("ab", false)] {
            assert_eq!(is_character(text), valid, "{text}");
        }
    }
}
