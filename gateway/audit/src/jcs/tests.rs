use std::path::Path;

use bytes::Bytes;
use exchange::{Json, JsonLimits};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn encoded(text: &str) -> Result<String, JcsError> {
    let json = Json::read(Bytes::copy_from_slice(text.as_bytes()), &JsonLimits::default()).expect("the case is JSON");
    let mut out = Vec::new();
    encode(json.root(), &mut out)?;
    Ok(String::from_utf8(out).expect("JSON is text"))
}

#[test]
fn canonical_texts_are_accepted_and_nothing_is_mended() {
    for text in [
        r"{}",
        r#"{"a":[],"b":{},"c":[{},[true,false],-1,0,9007199254740991,-9007199254740991]}"#,
        r#"{"A":1,"B":1,"a":1,"aa":1,"b":1}"#,
        r#"{"s":"\"\\\b\f\n\r\t\u0000\u001f/é😂"}"#,
    ] {
        assert_eq!(Canonical::check(text.as_bytes()).map(Canonical::bytes), Ok(text.as_bytes()), "{text}");
        assert_eq!(encoded(text).as_deref(), Ok(text));
    }
    for (text, why) in [
        ("", JcsError::Syntax(0)),
        ("[]", JcsError::Syntax(0)),
        (r#"{"a":1"#, JcsError::Syntax(6)),
        (r#"{"a":1}}"#, JcsError::Syntax(7)),
        (r#"{"a":1} "#, JcsError::Syntax(7)),
        (r#"{ "a":1}"#, JcsError::Syntax(1)),
        (r#"{"a":1,}"#, JcsError::Syntax(7)),
        (r#"{"a":[1,]}"#, JcsError::Syntax(8)),
        (r#"{"a":tru}"#, JcsError::Syntax(5)),
        (r#"{"a":"x}"#, JcsError::Syntax(8)),
        (r#"{"a":null}"#, JcsError::Null),
        (r#"{"a":1.0}"#, JcsError::NotAnInteger),
        (r#"{"a":1e3}"#, JcsError::NotAnInteger),
        (r#"{"a":01}"#, JcsError::NotAnInteger),
        (r#"{"a":-0}"#, JcsError::NotAnInteger),
        (r#"{"a":-}"#, JcsError::NotAnInteger),
        (r#"{"a":9007199254740992}"#, JcsError::TooLarge),
        (r#"{"a":99999999999999999999999999}"#, JcsError::TooLarge),
        (r#"{"b":1,"a":1}"#, JcsError::Order),
        (r#"{"a":1,"a":1}"#, JcsError::Order),
        (r#"{"é":1}"#, JcsError::Name),
        (r#"{"\n":1}"#, JcsError::Name),
        (r#"{"a":"\/"}"#, JcsError::Escape),
        (r#"{"a":"\u000a"}"#, JcsError::Escape),
        (r#"{"a":"\u001F"}"#, JcsError::Escape),
        (r#"{"a":"\u0041"}"#, JcsError::Escape),
        ("{\"a\":\"\n\"}", JcsError::Escape),
    ] {
        assert_eq!(Canonical::check(text.as_bytes()), Err(why), "{text}");
    }
    assert_eq!(Canonical::check(b"{\"a\":\"\xff\"}"), Err(JcsError::NotUtf8));
}

#[test]
fn depth_is_bounded_without_recursion() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(Canonical::check(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert_eq!(Canonical::check(nested(MAX_DEPTH).as_bytes()), Err(JcsError::TooDeep));
    assert_eq!(Canonical::check("{\"a\":".repeat(1_000_000).as_bytes()), Err(JcsError::TooDeep));
}

/// The public vectors of RFC 8785: those within the profile come out as published, the others are refused by their rule.
#[test]
fn the_public_vectors_agree_or_are_refused_by_rule() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/audit-vectors/jcs");
    if !folder.exists() {
        println!("no vectors in {}", folder.display());
        return;
    }
    for (name, refusal) in [
        ("arrays", Some(JcsError::Null)),
        ("french", Some(JcsError::Name)),
        ("structures", Some(JcsError::Name)),
        ("unicode", None),
        ("values", Some(JcsError::Null)),
        ("weird", Some(JcsError::Name)),
    ] {
        let read = |kind: &str| std::fs::read_to_string(folder.join(kind).join(name).with_extension("json")).expect("a vector");
        let (input, output) = (read("input"), read("output"));
        match refusal {
            None => {
                assert_eq!(encoded(&input).as_ref(), Ok(&output), "{name}");
                assert!(Canonical::check(output.as_bytes()).is_ok(), "{name}");
            }
            Some(refusal) => assert_eq!(encoded(&input), Err(refusal), "{name}"),
        }
    }
    // `structures` is within the profile but for one number and one name.
    let structures = std::fs::read_to_string(folder.join("output/structures.json")).expect("a vector");
    let within = structures.replace(r#""\n":56,"#, "");
    assert_eq!(encoded(&within).as_ref(), Ok(&within));
    assert!(Canonical::check(within.as_bytes()).is_ok());
}

fn value() -> impl Strategy<Value = Value> {
    let integer = -9_007_199_254_740_991_i64..=9_007_199_254_740_991;
    let leaf = prop_oneof![any::<bool>().prop_map(Value::Bool), integer.prop_map(Value::from), any::<String>().prop_map(Value::String)];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec(("[ !#-\\[\\]-~]{0,6}", inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_what_was_written_gives_the_same_value(member in value()) {
        let object = Value::Object(Map::from_iter([("a".to_owned(), member)]));
        let text = encoded(&object.to_string()).expect("within the profile");
        prop_assert!(Canonical::check(text.as_bytes()).is_ok(), "{}", text);
        prop_assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), object);
        prop_assert_eq!(encoded(&text), Ok(text.clone()));
    }

    #[test]
    fn what_is_accepted_is_what_an_encoder_writes(text in "[{}\\[\\],:\"\\\\a-cu0-9e.\\-tnfalsre]{0,24}") {
        let text = format!("{{\"a\":{text}}}");
        if Canonical::check(text.as_bytes()).is_ok() {
            prop_assert_eq!(encoded(&text), Ok(text.clone()));
        }
    }

    #[test]
    fn no_bytes_make_the_check_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Canonical::check(&bytes);
        let _ = Canonical::check(&[b"{\"a\":", bytes.as_slice()].concat());
        let _ = crate::member::members(&bytes).count();
    }
}
