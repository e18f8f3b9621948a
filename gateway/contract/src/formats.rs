//! Formats that JSON Schema does not define: those of OpenAPI's registry, and two of the field.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::decimal::{Decimal, is_number};
use crate::digits::{self, written};

/// A format of texts, and what tells whether a text has it.
type Format = (&'static str, fn(&str) -> bool);

/// Those that the validator does not know by itself.
pub(crate) const FORMATS: [Format; 6] = [
    ("byte", is_base64),
    ("base64url", is_base64url),
    ("char", is_character),
    ("decimal", is_number),
    ("codice-fiscale", is_codice_fiscale),
    ("partita-iva", is_partita_iva),
];

/// The least and the most of the numbers of a format, as texts; `None` for one that is none of numbers. Of a real number that is what still
/// reads as a finite one: half a step beyond the largest.
fn range(format: &str) -> Option<(String, String)> {
    let whole = |least: i64, most: u64| Some((least.to_string(), most.to_string()));
    let real = |most: &str| Some((format!("-{most}"), most.to_owned()));
    match format {
        "int8" => whole(i8::MIN.into(), i8::MAX as u64),
        "int16" => whole(i16::MIN.into(), i16::MAX as u64),
        "int32" => whole(i32::MIN.into(), i32::MAX as u64),
        "int64" => whole(i64::MIN, i64::MAX as u64),
        "uint8" => whole(0, u8::MAX.into()),
        "uint16" => whole(0, u16::MAX.into()),
        "uint32" => whole(0, u32::MAX.into()),
        "uint64" => whole(0, u64::MAX),
        "float" => real("3.4028235677973366e38"),
        "double" => real("1.797693134862315807e308"),
        _ => None,
    }
}

/// How wide a number is (`int32`, `int64`, `float`, `double`): a validator's formats see texts only, so it is bounded as well.
pub(crate) fn bound_numbers(lowered: &mut Map<String, Value>) {
    let Some(format) = lowered.get("format").and_then(Value::as_str) else { return };
    let bounds = range(format);
    let is_whole = format == "double-int" || (bounds.is_some() && !matches!(format, "float" | "double"));
    if is_whole {
        whole(lowered);
    }
    let Some((least, most)) = bounds else { return };
    for (bound, limit, beyond) in [("minimum", least, Ordering::Less), ("maximum", most, Ordering::Greater)] {
        let own = written(lowered, &format!("/{bound}"));
        if own.is_none_or(|own| Decimal::read(&own).compare(&Decimal::read(&limit)) == beyond) {
            digits::set(lowered, bound, &limit);
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
    let has_divisor = lowered.contains_key("multipleOf");
    match lowered.get_mut("type") {
        Some(Value::Array(kinds)) => {
            kinds.iter_mut().for_each(change);
            let mut seen = HashSet::new();
            kinds.retain(|kind| seen.insert(kind.clone()));
        }
        Some(kind) => change(kind),
        // The type may stand beside it, or nowhere.
        None if has_divisor => {
            let all = lowered.entry("allOf").or_insert_with(|| Value::Array(Vec::new()));
            all.as_array_mut().into_iter().for_each(|all| all.push(json!({ "multipleOf": 1 })));
        }
        None => drop(lowered.insert("multipleOf".into(), 1.into())),
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
        for (text, valid) in [
            ("1.50", true),
            ("-0", true),
            ("1e3", true),
            ("01", false),
            ("1,5", false),
            ("", false),
            ("NaN", false),
            ("1e400", true),
            ("1.", false),
        ] {
            assert_eq!(is_number(text), valid, "{text}");
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
