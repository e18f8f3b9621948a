//! The JSON reader held against serde's, and what is built on it: canonical texts, cuts and replacements.

use std::collections::BTreeSet;

use bytes::Bytes;
use exchange::json::{Kind, Node, canonical, cut, replace};
use exchange::{Json, JsonErrorKind, JsonLimits, Pointer};
use serde::de::IgnoredAny;
use serde_json::Value;

use strict::Strict;

/// The input is the text.
pub fn run(data: &[u8]) {
    let limits = JsonLimits::default();
    let theirs = serde_json::from_slice::<Strict>(data);
    let json = match Json::read(Bytes::copy_from_slice(data), &limits) {
        Ok(json) => json,
        Err(error) => {
            assert!(error.offset <= data.len() && !error.to_string().is_empty());
            Pointer::parse(&error.pointer).expect("an error's place is a pointer");
            // What serde takes is refused only for what serde does not look at.
            if let Ok(theirs) = theirs {
                let told = match error.kind {
                    JsonErrorKind::DuplicateName => theirs.duplicate,
                    // Of two members of one name, serde kept the other.
                    JsonErrorKind::TooDeep => theirs.duplicate || depth(&theirs.value) > usize::from(limits.depth),
                    JsonErrorKind::LongNumber => data.len() > usize::from(limits.number_length),
                    _ => false,
                };
                assert!(told, "refused without reason: {error}");
            }
            return;
        }
    };
    assert!(serde_json::from_slice::<IgnoredAny>(data).is_ok(), "taken, and not JSON");
    let value = json.root().to_value();
    match theirs {
        Ok(theirs) => {
            assert!(!theirs.duplicate && depth(&theirs.value) <= usize::from(limits.depth), "taken beyond the limits");
            assert_eq!(value, theirs.value, "two readers, two values");
        }
        // 1e999 is a number to us, who keep its text.
        Err(error) => assert!(error.to_string().starts_with("number out of range"), "taken, and not JSON: {error}"),
    }
    let places = places(json.root());
    for (_, node) in &places {
        check_node(*node);
    }
    check_canonical(&json, &value);
    check_edits(&json, &value, data, &places);
}

fn read(text: impl Into<Bytes>) -> Json {
    Json::read(text.into(), &JsonLimits::default()).expect("what was written reads back")
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Every value with its place, outermost first.
fn places(root: Node<'_>) -> Vec<(String, Node<'_>)> {
    let mut places = vec![(String::new(), root)];
    let mut at = 0;
    while let Some((place, node)) = places.get(at).cloned() {
        at += 1;
        let named = node.members().map(|(name, value)| (name.as_str().expect("a name is a string").to_owned(), value));
        let children = named.chain(node.items().enumerate().map(|(index, item)| (index.to_string(), item)));
        places.extend(children.map(|(name, child)| (under(&place, &name), child)).collect::<Vec<_>>());
    }
    places
}

fn under(place: &str, name: &str) -> String {
    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A value's own text is JSON of the same value, and the accessors agree with its kind.
fn check_node(node: Node<'_>) {
    if node.is_empty() {
        assert_eq!(read(node.raw().to_owned()).root().to_value(), node.to_value());
    }
    assert_eq!(node.as_str().is_some(), node.kind() == Kind::String);
    assert_eq!(node.number().is_some(), node.kind() == Kind::Number);
    assert_eq!(node.len(), node.items().count() + node.members().count());
}

fn check_canonical(json: &Json, value: &Value) {
    let once = canonical(json, &[]);
    let again = read(once.clone());
    assert_eq!(again.root().to_value(), *value, "the canonical text says something else");
    assert_eq!(canonical(&again, &[]), once, "the canonical text has another");
}

/// Cuts and replaces some of the places, and compares with the same done to serde's tree.
fn check_edits(json: &Json, value: &Value, data: &[u8], places: &[(String, Node<'_>)]) {
    let seed = data.iter().fold(data.len(), |seed, &byte| seed.wrapping_mul(31).wrapping_add(usize::from(byte)));
    // A member that is called `*` cannot be pointed at: the token means every item.
    let pointed = |place: &&String| !place.split('/').any(|name| name == "*");
    let names = places.iter().map(|(place, _)| place).filter(pointed);
    let chosen: BTreeSet<&str> =
        names.enumerate().filter(|(at, _)| (seed >> (at % 61)).is_multiple_of(4)).map(|(_, place)| place.as_str()).collect();
    let pointers: Vec<Pointer> = chosen.iter().map(|place| Pointer::parse(place).expect("a pointer")).collect();

    let without = edited(value, "", &|place| (!place.is_empty() && chosen.contains(place)).then_some(None));
    assert_eq!(Some(read(cut(json, &pointers)).root().to_value()), without, "a cut went wrong");

    let with = "[\"new\"]";
    let value_of = || Some(serde_json::json!(["new"]));
    let replaced = edited(value, "", &|place| chosen.contains(place).then(value_of));
    // What is put in may nest where the text was at its limit already.
    let limits = JsonLimits { depth: JsonLimits::default().depth + 1, ..JsonLimits::default() };
    let text = replace(json, &pointers.iter().map(|pointer| (pointer, with)).collect::<Vec<_>>());
    let text = Json::read(text, &limits).expect("a text with values replaced is JSON");
    assert_eq!(Some(text.root().to_value()), replaced, "a replacement went wrong");
}

/// The value with `edit` done to each place: nothing, another value, or no value.
fn edited(value: &Value, place: &str, edit: &dyn Fn(&str) -> Option<Option<Value>>) -> Option<Value> {
    if let Some(other) = edit(place) {
        return other;
    }
    Some(match value {
        Value::Array(items) => {
            Value::Array(items.iter().enumerate().filter_map(|(at, item)| edited(item, &under(place, &at.to_string()), edit)).collect())
        }
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, value)| Some((name.clone(), edited(value, &under(place, name), edit)?)));
            Value::Object(kept.collect())
        }
        scalar => scalar.clone(),
    })
}

mod strict {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
    use serde_json::{Map, Value};

    /// A value as serde reads it, and whether some object has a name twice, which serde's own tree does not tell.
    pub struct Strict {
        pub value: Value,
        pub duplicate: bool,
    }

    impl<'de> Deserialize<'de> for Strict {
        fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
            source.deserialize_any(Reader)
        }
    }

    fn scalar<E>(value: impl Into<Value>) -> Result<Strict, E> {
        Ok(Strict { value: value.into(), duplicate: false })
    }

    struct Reader;

    impl<'de> Visitor<'de> for Reader {
        type Value = Strict;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON value")
        }

        fn visit_unit<E>(self) -> Result<Strict, E> {
            scalar(())
        }

        fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
            scalar(value)
        }

        fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
            scalar(value)
        }

        fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
            scalar(value)
        }

        fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
            scalar(value)
        }

        fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
            scalar(value)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
            let (mut value, mut duplicate) = (Vec::new(), false);
            while let Some(item) = items.next_element::<Strict>()? {
                duplicate |= item.duplicate;
                value.push(item.value);
            }
            Ok(Strict { value: Value::Array(value), duplicate })
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
            let (mut value, mut duplicate) = (Map::new(), false);
            while let Some((name, member)) = members.next_entry::<String, Strict>()? {
                duplicate |= member.duplicate | value.insert(name, member.value).is_some();
            }
            Ok(Strict { value: Value::Object(value), duplicate })
        }
    }
}
