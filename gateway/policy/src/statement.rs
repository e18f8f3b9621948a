use std::sync::Arc;

use cedar_policy::{Policy, PolicyId};
use document::Fault;

use crate::PolicySource;
use crate::annotations::Annotations;

/// One policy of the file.
pub(crate) struct Statement<'a> {
    pub(crate) policy: Policy,
    /// The byte it begins at, and its text.
    pub(crate) at: usize,
    pub(crate) text: &'a str,
    /// What records and cases call it.
    pub(crate) name: Arc<str>,
    pub(crate) annotations: Annotations,
}

/// Reads the policies of a file one by one, so that a mistake in one hides none in the others. One that cannot be read is
/// left out and its faults reported.
pub(crate) fn statements<'a>(source: &'a PolicySource, faults: &mut Vec<Fault>) -> Vec<Statement<'a>> {
    let read = |(number, (at, text))| statement(source, number, at, text, faults);
    split(&source.text).into_iter().enumerate().filter_map(read).collect()
}

fn statement<'a>(source: &PolicySource, number: usize, at: usize, text: &'a str, faults: &mut Vec<Fault>) -> Option<Statement<'a>> {
    let id = format!("policy{number}");
    let policy = match Policy::parse(Some(PolicyId::new(&id)), text) {
        Ok(policy) => policy,
        Err(errors) => {
            faults.extend(errors.iter().map(|error| source.fault(at, error, error.to_string())));
            return None;
        }
    };
    let annotations = Annotations::read(source, at, text, &policy, faults);
    let name = match &annotations.id {
        Some((name, _)) => name.as_str().into(),
        None => format!("{id}:{}", source.position(at).line).into(),
    };
    Some(Statement { policy, at, text, name, annotations })
}

/// The texts that end with a semicolon, and what is left at the end; each with the byte it begins at, without the blanks and
/// comments before it. Cedar has semicolons nowhere else but in strings and comments, so that a wrong cut is impossible in a
/// text that Cedar accepts.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = trivia(text);
    let mut at = start;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => at += 1 + closing_quote(&text[at + 1..]).map_or(text.len() - at - 1, |end| end + 1),
            b'/' if text[at..].starts_with("//") => at += trivia(&text[at..]),
            b';' => {
                at += 1;
                found.push((start, &text[start..at]));
                start = at + trivia(&text[at..]);
                at = start;
            }
            _ => at += 1,
        }
    }
    if start < text.len() {
        found.push((start, text[start..].trim_end()));
    }
    found
}

/// The bytes of blanks and comments that a text begins with.
pub(crate) fn trivia(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(comment) = rest.strip_prefix("//") else { return text.len() - rest.len() };
        // Cedar ends a comment at a carriage return too: a policy behind one must not be taken for a part of the comment.
        rest = comment.find(['\n', '\r']).map_or("", |end| &comment[end..]);
    }
}

/// Where the string that a text begins inside of ends: the byte of its closing quote.
pub(crate) fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn skips_blanks_and_comments() {
        for (text, expected) in [("permit", 0), ("  // a\n\t// b\n permit", 14), ("// only", 7), ("// a\rb", 5), ("", 0), ("/ x", 0)] {
            assert_eq!(trivia(text), expected, "{text}");
        }
    }

    #[test]
    fn cuts_behind_semicolons_only() {
        for (text, expected) in [
            ("", &[][..]),
            (" // permit;\n", &[]),
            ("a;b;", &[(0, "a;"), (2, "b;")]),
            (" a / ; b", &[(1, "a / ;"), (7, "b")]),
            ("// x;\na \";\\\";\" // ;\n; b ", &[(6, "a \";\\\";\" // ;\n;"), (22, "b")]),
            ("a \"open; b", &[(0, "a \"open; b")]),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }

    /// A policy after something that Cedar skips.
    fn fragment() -> impl Strategy<Value = String> {
        let skipped = ["", "\n", "\r", " // ; \" permit\r", "//\r\n", "// x // y\n\t", "\u{85}", "\u{a0}"];
        let policies = [
            "permit (principal, action, resource);",
            "forbid (principal, action, resource)\rwhen // a;\r { \"a;\\\";// \" == \"\" && 4 // 2;\n == 2 };",
            "@id(\"; // \") // \"\n permit (principal, action, resource);",
            "@note permit (principal, action, resource) unless { \"\\\\\" like \"*;\" };",
        ];
        (proptest::sample::select(skipped.to_vec()), proptest::sample::select(policies.to_vec()))
            .prop_map(|(skipped, policy)| format!("{skipped}{policy}"))
    }

    proptest! {
        /// No policy that Cedar sees in a file is lost, whatever stands around it.
        #[test]
        fn cuts_what_cedar_reads(fragments in proptest::collection::vec(fragment(), 0..12)) {
            let text = fragments.concat();
            let set: cedar_policy::PolicySet = text.parse().map_err(|error| TestCaseError::fail(format!("{error}")))?;
            let source = PolicySource::new("p.cedar", &text);
            prop_assert_eq!(statements(&source, &mut Vec::new()).len(), set.num_of_policies());
        }

        /// No text at all makes the reader panic, and every cut stands where it says.
        #[test]
        fn any_text_is_cut(text in "[ a;\"\\\\/\nè@()]{0,40}") {
            for (at, cut) in split(&text) {
                prop_assert_eq!(&text[at..at + cut.len()], cut);
            }
            let mut faults = Vec::new();
            statements(&PolicySource::new("p.cedar", &text), &mut faults);
        }
    }
}
