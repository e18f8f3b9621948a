use std::sync::Arc;

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

    /// What Cedar says of a policy that begins at byte `at`; where it names no place, the policy is the place.
    pub(crate) fn fault(&self, at: usize, diagnostic: &dyn Diagnostic, message: impl Into<String>) -> Fault {
        let label = diagnostic.labels().and_then(|mut labels| labels.next());
        let within = label.as_ref().map_or(0, miette::LabeledSpan::offset);
        let fault = Fault::error(self.place(at + within), message);
        // What would mend it stands in the help, what was expected in the label.
        let help = diagnostic.help().map(|help| help.to_string());
        match help.or_else(|| label?.label().map(str::to_owned)) {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
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
}
