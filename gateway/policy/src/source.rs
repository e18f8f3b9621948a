use std::sync::Arc;

use cedar_policy::ParseErrors;
use document::{Fault, Place, Position};
use miette::Diagnostic;

/// The text of a `.cedar` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// The file as the user named it, for faults.
    pub file: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

impl PolicySource {
    /// A file's name and text.
    pub fn new(file: &str, text: &str) -> Self {
        Self { file: file.into(), text: text.into() }
    }

    /// The place of a byte of the text.
    pub(crate) fn place(&self, offset: usize) -> Place {
        Place::at(&self.file, self.position(offset))
    }

    pub(crate) fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() as u32 + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() as u32 + 1;
        Position { line, column }
    }

    /// Every syntax error that Cedar's parser found.
    pub(crate) fn syntax_faults(&self, errors: &ParseErrors) -> Vec<Fault> {
        errors.iter().map(|error| self.fault(error, &error.to_string(), 0)).collect()
    }

    /// What Cedar says of a place in the text; `otherwise` is the place where it names none.
    pub(crate) fn fault(&self, diagnostic: &dyn Diagnostic, message: &str, otherwise: usize) -> Fault {
        let label = diagnostic.labels().and_then(|mut labels| labels.next());
        let place = self.place(label.as_ref().map_or(otherwise, miette::LabeledSpan::offset));
        let fault = Fault::error(place, message);
        // What was expected stands in the label, what would mend it in the help.
        let help = diagnostic.help().map(|help| help.to_string());
        match help.or_else(|| label.and_then(|label| label.label().map(str::to_owned))) {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

/// The bytes of blanks and comments that a text begins with.
pub(crate) fn trivia(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(comment) = rest.strip_prefix("//") else { return text.len() - rest.len() };
        rest = comment.find('\n').map_or("", |end| &comment[end..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let source = PolicySource::new("p.cedar", "à\nbè c");
        for (offset, line, column) in [(0, 1, 1), (2, 1, 2), (3, 2, 1), (6, 2, 3), (99, 2, 5)] {
            assert_eq!(source.position(offset), Position { line, column }, "{offset}");
        }
    }

    #[test]
    fn skips_blanks_and_comments() {
        for (text, expected) in [("permit", 0), ("  // a\n\t// b\n permit", 15), ("// only", 7), ("", 0), ("/ x", 0)] {
            assert_eq!(trivia(text), expected, "{text}");
        }
    }
}
