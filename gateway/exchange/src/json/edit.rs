use std::ops::Range;

use bytes::Bytes;

use super::{Json, Kind, Node, push_string};
use crate::Pointer;
use crate::pointer::Step;

/// The text without the members and items that the pointers select; everything else keeps its bytes.
///
/// Gives the very same bytes when nothing is selected. The root cannot be cut: a pointer to it selects nothing.
pub fn cut(json: &Json, pointers: &[Pointer]) -> Bytes {
    let mut cuts = Vec::new();
    for pointer in pointers {
        let Some((last, parents)) = pointer.steps().split_last() else { continue };
        let mut found = vec![json.root()];
        for step in parents {
            found = found.into_iter().flat_map(|node| node.step(step)).collect();
        }
        for parent in found {
            collect_cuts(parent, last, &mut cuts);
        }
    }
    if cuts.is_empty() { json.bytes().clone() } else { without(json.bytes(), cuts) }
}

fn collect_cuts(parent: Node<'_>, step: &Step, cuts: &mut Vec<Range<usize>>) {
    let mut push = |child| cuts.push(child);
    match (step, parent.kind()) {
        (Step::Member(name), Kind::Object) => {
            parent
                .members()
                .filter(|(key, _)| key.as_str() == Some(name))
                .for_each(|(key, value)| push(key.span().start..value.span().end));
        }
        (Step::Member(index), Kind::Array) => {
            index.parse().ok().and_then(|at| parent.items().nth(at)).into_iter().for_each(|item| push(item.span()));
        }
        (Step::Every, Kind::Array) => parent.items().for_each(|item| push(item.span())),
        _ => {}
    }
}

/// Copies the text but for the cuts. A cut takes one comma with it: the one before it, or, where only cut children stand
/// before it in its container, the one after it.
fn without(text: &[u8], mut cuts: Vec<Range<usize>>) -> Bytes {
    cuts.sort_by_key(|child| (child.start, std::cmp::Reverse(child.end)));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for child in cuts {
        if child.end <= at {
            // Inside a child that is already gone, or selected twice.
            continue;
        }
        out.extend_from_slice(&text[at..child.start]);
        while out.last().is_some_and(u8::is_ascii_whitespace) {
            out.pop();
        }
        at = child.end;
        if out.last() == Some(&b',') {
            out.pop();
            continue;
        }
        let after = at + text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if text.get(after) == Some(&b',') {
            at = after + 1;
        }
    }
    out.extend_from_slice(&text[at..]);
    out.into()
}

/// The text with the value at each pointer replaced by another text, which must be JSON itself. A pointer that selects
/// nothing changes nothing.
pub fn replace(json: &Json, values: &[(&Pointer, &str)]) -> Bytes {
    let mut places: Vec<(Range<usize>, &str)> = Vec::new();
    for (pointer, value) in values {
        places.extend(json.root().select(pointer).into_iter().map(|node| (node.span(), *value)));
    }
    places.sort_by_key(|(span, _)| span.start);
    let text = json.bytes();
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (span, value) in places {
        if span.start < at {
            continue;
        }
        out.extend_from_slice(&text[at..span.start]);
        out.extend_from_slice(value.as_bytes());
        at = span.end;
    }
    out.extend_from_slice(&text[at..]);
    out.into()
}

/// One text for all texts that mean the same: no blanks, members sorted by name, strings with the shortest escapes, and
/// without what the pointers select. Numbers keep their text, so `1` and `1.0` differ: for a cache key that is safe.
pub fn canonical(json: &Json, ignoring: &[Pointer]) -> Vec<u8> {
    let ignored: Vec<u32> = ignoring.iter().flat_map(|pointer| json.root().select(pointer)).map(Node::position).collect();
    let mut out = Vec::with_capacity(json.bytes().len());
    push_canonical(&mut out, json.root(), &ignored);
    out
}

fn push_canonical(out: &mut Vec<u8>, node: Node<'_>, ignored: &[u32]) {
    match node.kind() {
        Kind::String => push_string(out, node.as_str().unwrap_or_default()),
        Kind::Array => {
            out.push(b'[');
            for item in node.items().filter(|item| !ignored.contains(&item.position())) {
                if out.last() != Some(&b'[') {
                    out.push(b',');
                }
                push_canonical(out, item, ignored);
            }
            out.push(b']');
        }
        Kind::Object => {
            let mut members: Vec<_> = node.members().filter(|(_, value)| !ignored.contains(&value.position())).collect();
            members.sort_by_key(|(name, _)| name.as_str());
            out.push(b'{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                push_string(out, name.as_str().unwrap_or_default());
                out.push(b':');
                push_canonical(out, value, ignored);
            }
            out.push(b'}');
        }
        Kind::Null | Kind::Bool | Kind::Number => out.extend_from_slice(node.raw().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JsonLimits;

    fn json(text: &str) -> Json {
        Json::read(Bytes::copy_from_slice(text.as_bytes()), &JsonLimits::default()).expect("a JSON text")
    }

    fn pointers(texts: &[&str]) -> Vec<Pointer> {
        texts.iter().map(|text| Pointer::parse(text).expect("a pointer")).collect()
    }

    #[test]
    fn cuts_members_and_keeps_the_other_bytes() {
        for (text, cuts, expected) in [
            (r#"{"a":1, "b": 2.50,"c":3}"#, &["/b"][..], r#"{"a":1,"c":3}"#),
            (r#"{"a":1, "b":2}"#, &["/a"], r#"{ "b":2}"#),
            (r#"{"a":1, "b":2}"#, &["/b"], r#"{"a":1}"#),
            (r#"{ "a" : 1 }"#, &["/a"], r"{ }"),
            (r#"{"a":1,"b":2,"c":3}"#, &["/a", "/b"], r#"{"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["/b", "/c"], r#"{"a":1}"#),
            (r#"{"a":1,"b":2}"#, &["/a", "/b", "/a"], r"{}"),
            (r#"{"l":[{"cf":"X","n":1},{"cf":"Y"}]}"#, &["/l/*/cf"], r#"{"l":[{"n":1},{}]}"#),
            (r#"{"l":[{"cf":"X"},{"cf":"Y"}]}"#, &["/l/*/cf", "/l"], r"{}"),
            (r#"{"l":[1,2,3]}"#, &["/l/1"], r#"{"l":[1,3]}"#),
            (r#"{"l":[1,2,3]}"#, &["/l/*"], r#"{"l":[]}"#),
            (r#"{"a":{"x":"},{"}}"#, &["/a/y", "/b", ""], r#"{"a":{"x":"},{"}}"#),
        ] {
            let result = cut(&json(text), &pointers(cuts));
            assert_eq!(std::str::from_utf8(&result), Ok(expected), "{text} without {cuts:?}");
            json(expected);
        }
    }

    #[test]
    fn replaces_values_in_place() {
        let [id, missing] = &pointers(&["/id", "/x"])[..] else { panic!("two pointers") };
        let result = replace(&json(r#"{"id" : "one","n":1.0}"#), &[(missing, "0"), (id, "\"two\"")]);
        assert_eq!(&result[..], br#"{"id" : "two","n":1.0}"#);
    }

    #[test]
    fn canonical_texts_ignore_order_blanks_and_escapes() {
        let one = canonical(&json(r#"{"b":[1, 2],"a":"\u0041/","id":7}"#), &pointers(&["/id"]));
        let other = canonical(&json(r#"{ "a":"A\/" , "b":[1,2]}"#), &[]);
        assert_eq!(one, other);
        assert_eq!(one, br#"{"a":"A/","b":[1,2]}"#);
    }
}
