use std::fmt::Write;

/// A path into an answer, for the log: element names and positions only.
pub(super) fn path<'n>(frames: impl Iterator<Item = (&'n str, Option<u32>)>, last: &str) -> String {
    let mut out = String::from("/Envelope/Body");
    for (name, item) in frames {
        // Writing to a String cannot fail.
        _ = match item {
            Some(item) => write!(out, "/{name}[{item}]"),
            None => write!(out, "/{name}"),
        };
    }
    if !last.is_empty() {
        out.push('/');
        out.extend(last.chars().take(100));
    }
    out
}
