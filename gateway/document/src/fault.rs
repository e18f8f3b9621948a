use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A place in a text: both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// Where a fault stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the user named it, or relative to the configuration.
    pub file: Arc<str>,
    /// The line and column, where they are known.
    pub position: Option<Position>,
}

impl Place {
    /// A whole file.
    pub fn file(file: &str) -> Self {
        Self { file: file.into(), position: None }
    }

    /// A line and column of a file.
    pub fn at(file: &Arc<str>, position: Position) -> Self {
        Self { file: file.clone(), position: Some(position) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.file, f)?;
        match self.position {
            Some(Position { line, column }) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// Whether a fault stops the configuration from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can, but somebody should look.
    Warning,
}

/// Something wrong in a document: what, where, and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether it stops the configuration.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What is wrong: lower case, no full stop, never a secret's value.
    pub message: String,
    /// What would mend it.
    pub hint: Option<String>,
}

const RELATIVE: &str = "paths are relative to the file that names them";

impl Fault {
    /// An error.
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place, message: message.into(), hint: None }
    }

    /// A warning.
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message) }
    }

    /// A file that is named at a place, and is not there.
    pub fn no_file(place: Place, path: &Path) -> Self {
        Self::error(place, format!("there is no file `{}`", path.display())).hint(RELATIVE)
    }

    /// One that cannot be read; `file` is its name, or `the file` where the place says which it is.
    pub fn unreadable(place: Place, file: &str, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => RELATIVE,
            io::ErrorKind::PermissionDenied => "the user that varco runs as has to be allowed to read it",
            _ => "a file is needed, not a folder or a device",
        };
        Self::error(place, format!("cannot read {file}: {}", error.kind())).hint(hint)
    }

    /// The same fault with what would mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: ", self.place)?;
        shown(&self.message, f)?;
        let Some(hint) = &self.hint else { return Ok(()) };
        f.write_str("\n    hint: ")?;
        shown(hint, f)
    }
}

/// Writes what a document may have in it: names of others, which could have a terminal do something, or show what is not there.
fn shown(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_unseen =
        |symbol: char| symbol.is_control() || matches!(symbol, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().try_for_each(|symbol| if is_unseen(symbol) { write!(f, "{}", symbol.escape_unicode()) } else { f.write_char(symbol) })
}

/// The faults found so far. Compilation goes on after one, so that all are found in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Keeps the value, or the fault.
    pub fn keep<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.push(fault)).ok()
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// How many there are: a mark, to ask later whether a part added any.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes warnings of the errors found since there were so many, with what would mend them where they do not say; what was found before is
    /// not told again, and warnings are left out.
    pub fn soften(&mut self, known: usize, hint: &str) {
        let mut found = self.0.split_off(known.min(self.0.len()));
        let told: BTreeSet<(&Place, &str)> = self.0.iter().map(|fault| (&fault.place, &*fault.message)).collect();
        found.retain(|fault| fault.severity == Severity::Error && !told.contains(&(&fault.place, &*fault.message)));
        for fault in &mut found {
            fault.severity = Severity::Warning;
            fault.hint.get_or_insert_with(|| hint.to_owned());
        }
        self.0.append(&mut found);
    }

    /// In the order of files, lines and columns.
    pub fn sorted(mut self) -> Vec<Fault> {
        self.0.sort_by(|one, other| (&one.place, one.severity, &one.message).cmp(&(&other.place, other.severity, &other.message)));
        self.0.dedup();
        self.0
    }

    /// In the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl Extend<Fault> for Faults {
    fn extend<T: IntoIterator<Item = Fault>>(&mut self, faults: T) {
        self.0.extend(faults);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_since_a_mark_become_warnings_once() {
        let error = |message: &str| Fault::error(Place::file("a"), message);
        let mut faults = Faults::new();
        faults.extend(["x", "x", "y"].map(error));
        let known = faults.len() - 1;
        faults.push(error("x"));
        faults.push(error("z").hint("own"));
        faults.push(Fault::warning(Place::file("a"), "w"));
        faults.soften(known, "so");
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["a: error: x", "a: error: x", "a: warning: y\n    hint: so", "a: warning: z\n    hint: own"]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        let place = Place::at(&"a\u{1b}.yaml".into(), Position { line: 1, column: 2 });
        let fault = Fault::error(place, "the path `/\u{1b}[2J\r\n\u{7}\u{9b}è\u{202e}` is none").hint("write\tit");
        let expected =
            "a\\u{1b}.yaml:1:2: error: the path `/\\u{1b}[2J\\u{d}\\u{a}\\u{7}\\u{9b}è\\u{202e}` is none\n    hint: write\\u{9}it";
        assert_eq!(fault.to_string(), expected);
    }
}
