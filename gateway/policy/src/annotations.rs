use std::time::Duration;

use cedar_policy::Policy;
use document::{Fault, Place, nearest, parse_duration};
use exchange::Pointer;

use crate::PolicySource;
use crate::statement::{closing_quote, trivia};

/// What the annotations of one policy say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Annotations {
    pub(crate) id: Option<(String, Place)>,
    pub(crate) withhold: Vec<(Pointer, Place)>,
    pub(crate) max_cache_age: Option<Duration>,
}

const KNOWN: [&str; 3] = ["id", "withhold", "max_cache_age"];

/// One annotation as it is written: its name and value, and where both stand in the file.
struct Annotation<'a> {
    name: &'a str,
    at: usize,
    /// What stands between the quotes, escapes and all.
    value: Option<&'a str>,
    value_at: usize,
}

impl Annotations {
    /// Reads the annotations of the policy whose text begins at byte `at`. Their values are Cedar's; the text only tells
    /// where they stand.
    pub(crate) fn read(source: &PolicySource, at: usize, text: &str, policy: &Policy, faults: &mut Vec<Fault>) -> Self {
        let permits = policy.effect() == cedar_policy::Effect::Permit;
        let mut read = Self::default();
        let written = written(text, at);
        // An annotation that Cedar reads and this does not would be an obligation without effect.
        if written.len() != policy.annotations().count() {
            faults.push(Fault::error(source.place(at), "the annotations of this policy cannot be read"));
        }
        for annotation in written {
            let value = annotation.value.and_then(|_| policy.annotation(annotation.name));
            match (annotation.name, value) {
                ("id", Some(value)) if !value.trim().is_empty() => {
                    read.id = Some((value.trim().to_owned(), source.place(annotation.value_at)));
                }
                ("withhold" | "max_cache_age", _) if !permits => {
                    let message = format!("`@{}` has no effect on a forbid", annotation.name);
                    let fault = Fault::error(source.place(annotation.at), message);
                    faults.push(fault.hint("obligations stand on the permits that they bind"));
                }
                ("withhold", Some(value)) => read.read_pointers(source, value, &annotation, faults),
                ("max_cache_age", Some(value)) => {
                    read.max_cache_age = parse_duration(value.trim());
                    if read.max_cache_age.is_none() {
                        let fault = Fault::error(source.place(annotation.value_at), format!("`{value}` is no duration"));
                        faults.push(fault.hint("a duration has its unit: `30s`, `10m`, `1h`"));
                    }
                }
                ("id" | "withhold" | "max_cache_age", _) => {
                    let message = format!("`@{}` needs a value", annotation.name);
                    faults.push(Fault::error(source.place(annotation.at), message));
                }
                (unknown, _) => faults.push(unread(unknown, source.place(annotation.at))),
            }
        }
        read
    }

    fn read_pointers(&mut self, source: &PolicySource, value: &str, annotation: &Annotation<'_>, faults: &mut Vec<Fault>) {
        let before = faults.len() + self.withhold.len();
        // Where an escape stands in the value, its text and its meaning differ, and the value as a whole has to do as place.
        let exact = annotation.value == Some(value);
        for text in value.split([',', ' ', '\t', '\n', '\r']).filter(|text| !text.is_empty()) {
            let within = if exact { text.as_ptr().addr() - value.as_ptr().addr() } else { 0 };
            let place = source.place(annotation.value_at + within);
            match Pointer::parse(text) {
                Ok(pointer) => self.withhold.push((pointer, place)),
                Err(error) => faults.push(Fault::error(place, format!("`{text}` is no JSON pointer: {error}"))),
            }
        }
        if faults.len() + self.withhold.len() == before {
            let fault = Fault::error(source.place(annotation.value_at), "`@withhold` names nothing");
            faults.push(fault.hint("JSON pointers, separated by commas or blanks: `/a/b, /list/*/c`"));
        }
    }
}

/// Cedar lets everybody annotate as they like, so that an unknown name is worth a warning only; but an obligation that is
/// misspelt would tell what was to be withheld.
fn unread(name: &str, place: Place) -> Fault {
    let message = format!("nothing reads the annotation `@{name}`");
    match nearest(name, KNOWN) {
        Some("id") => Fault::warning(place, message).hint("did you mean `@id`?"),
        Some(meant) => Fault::error(place, message).hint(format!("did you mean `@{meant}`?")),
        None => Fault::warning(place, message).hint("the annotations are `@id`, `@withhold` and `@max_cache_age`"),
    }
}

/// The annotations that a policy's text begins with.
fn written(text: &str, at: usize) -> Vec<Annotation<'_>> {
    let mut found = Vec::new();
    let mut cursor = 0;
    while let Some((annotation, next)) = next(text, cursor, at) {
        found.push(annotation);
        cursor = next;
    }
    found
}

/// `@name` or `@name("value")`, with blanks and comments where Cedar allows them.
fn next(text: &str, cursor: usize, at: usize) -> Option<(Annotation<'_>, usize)> {
    let sign = cursor + trivia(&text[cursor..]);
    text[sign..].strip_prefix('@')?;
    let start = sign + 1 + trivia(&text[sign + 1..]);
    let length = text[start..].find(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric())?;
    let name = &text[start..start + length];
    let bare = Annotation { name, at: at + sign, value: None, value_at: at + sign };
    let after = start + length;
    let open = after + trivia(&text[after..]);
    if !text[open..].starts_with('(') {
        return Some((bare, after));
    }
    let quote = open + 1 + trivia(&text[open + 1..]);
    let inside = text[quote..].strip_prefix('"')?;
    let end = closing_quote(inside)?;
    let value_at = at + quote + 1;
    let close = quote + end + 2;
    let close = close + trivia(&text[close..]);
    text[close..].strip_prefix(')')?;
    Some((Annotation { value: Some(&inside[..end]), value_at, ..bare }, close + 1))
}
