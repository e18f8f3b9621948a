use std::fmt::Write;

use regex::{Regex, RegexBuilder};

/// Compiles the patterns of one derivation, which are alternatives (Datatypes §4.3.4), into one expression.
pub(super) fn compile(patterns: &[&str]) -> Result<Regex, String> {
    let parts = patterns.iter().map(|pattern| Ok(format!("(?:{})", translate(pattern)?))).collect::<Result<Vec<_>, String>>()?;
    let whole = format!("^(?:{})$", parts.join("|"));
    RegexBuilder::new(&whole).size_limit(4 << 20).build().map_err(|_| "it is no regular expression, or too large a one".to_owned())
}

/// An expression of XML Schema (Datatypes §F) as one of the `regex` crate. Both are anchored by [`compile`]; `^`, `$` and
/// what only one of them knows differ.
fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut letters = pattern.chars().peekable();
    let mut classes = 0usize;
    let mut opened = false;
    while let Some(letter) = letters.next() {
        let begins = std::mem::take(&mut opened);
        match letter {
            '\\' => escape(&mut out, &mut letters, classes > 0)?,
            '[' if classes == 0 => {
                out.push('[');
                classes = 1;
                if letters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                opened = true;
            }
            // Only a subtraction, `[a-z-[aeiou]]`, opens a class inside a class.
            '-' if classes > 0 && letters.peek() == Some(&'[') => {
                letters.next();
                out.push_str("--[");
                classes += 1;
                if letters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                opened = true;
            }
            ']' if classes > 0 => {
                out.push(']');
                classes -= 1;
            }
            '[' => return Err("a `[` inside a class is written `\\[`".into()),
            '-' if classes > 0 && (begins || letters.peek() == Some(&']')) => out.push_str("\\-"),
            '&' | '~' | '^' if classes > 0 => {
                out.push('\\');
                out.push(letter);
            }
            '^' | '$' => {
                out.push('\\');
                out.push(letter);
            }
            '.' if classes == 0 => out.push_str("[^\\n\\r]"),
            '(' if letters.peek() == Some(&'?') => return Err("`(?` is not of XML Schema".into()),
            other => out.push(other),
        }
    }
    Ok(out)
}

fn escape(out: &mut String, letters: &mut std::iter::Peekable<std::str::Chars<'_>>, class: bool) -> Result<(), String> {
    let named = |out: &mut String, inner: &str, negated: bool| {
        // Inside a class a nested class is a union, which is what an escape means there.
        let sign = if negated { "^" } else { "" };
        write!(out, "[{sign}{inner}]").map_err(|error| error.to_string())
    };
    let _ = class;
    match letters.next() {
        Some('i') => named(out, "\\p{L}_:", false),
        Some('I') => named(out, "\\p{L}_:", true),
        Some('c') => named(out, "\\p{L}\\p{M}\\p{N}_:.\\-\u{b7}", false),
        Some('C') => named(out, "\\p{L}\\p{M}\\p{N}_:.\\-\u{b7}", true),
        Some('w') => named(out, "\\p{P}\\p{Z}\\p{C}", true),
        Some('W') => named(out, "\\p{P}\\p{Z}\\p{C}", false),
        Some('s') => named(out, " \\t\\n\\r", false),
        Some('S') => named(out, " \\t\\n\\r", true),
        Some(property @ ('p' | 'P')) => {
            let name: String = letters.by_ref().skip_while(|&letter| letter == '{').take_while(|&letter| letter != '}').collect();
            let negated = property == 'P';
            match name.as_str() {
                "IsBasicLatin" => named(out, "\\x00-\\x7f", negated),
                "IsLatin-1Supplement" => named(out, "\\u{80}-\\u{ff}", negated),
                "IsLatinExtended-A" => named(out, "\\u{100}-\\u{17f}", negated),
                block if block.starts_with("Is") => Err(format!("the block `{block}` is not known")),
                name => write!(out, "\\{property}{{{name}}}").map_err(|error| error.to_string()),
            }
        }
        Some(letter @ ('d' | 'D' | 'n' | 'r' | 't')) => {
            out.extend(['\\', letter]);
            Ok(())
        }
        Some(letter) if letter.is_ascii_punctuation() => {
            out.extend(['\\', letter]);
            Ok(())
        }
        Some(letter) => Err(format!("`\\{letter}` is not of XML Schema")),
        None => Err("it ends in a `\\`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_the_schemas_dialect() {
        for (pattern, good, bad) in [
            ("[A-Z]{6}[0-9]{2}", &["ABCDEF01"][..], &["xABCDEF01", "ABCDEF01\n"][..]),
            ("a|b", &["a", "b"], &["ab", "xa", "bx"]),
            ("[a-z-[aeiou]]+", &["xyz"], &["xay", "-"]),
            ("^a$", &["^a$"], &["a"]),
            ("[^.]+.", &["ab", "a."], &["..", "a\n"]),
            (r"\S[\S|\s]*", &["x y"], &[" x", ""]),
            (r"\i\c*", &["a-b.c:d", "_x"], &["1a", "-"]),
            (r"[\w]+", &["aè9"], &["a b", "a-b"]),
            (r"\p{IsBasicLatin}*", &["abc"], &["è"]),
            (r"\p{L}{2,2}\d", &["èà1"], &["a1"]),
            ("[&&~~a-]+", &["&~-a"], &["b"]),
            (r"[+\-]?\d{1,3}(\.\d{2})?", &["-1.50", "+7"], &["1.5"]),
            ("[-+]x", &["-x"], &["x"]),
            ("", &[""], &["a"]),
            ("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}", &["0123abCD-0000"], &["0123abCD0000"]),
        ] {
            let regex = compile(&[pattern]).expect(pattern);
            for text in good {
                assert!(regex.is_match(text), "{pattern} matches {text}");
            }
            for text in bad {
                assert!(!regex.is_match(text), "{pattern} refuses {text:?}");
            }
        }
        for bad in ["(", "[a[b]", r"\q", "(?i)a", r"\p{IsTibetan}", "a{1000000}{1000000}", r"x\"] {
            assert!(compile(&[bad]).is_err(), "{bad}");
        }
    }
}
