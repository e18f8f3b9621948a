use bytes::Bytes;
use exchange::{Json, JsonLimits};
use serde_json::{Value, json};

use super::Builder;
use crate::compile::Formats;
use crate::instance::{Instance, Validator};
use crate::keywords::change_each;
use crate::schemas::options;
use crate::{bounds, text};

fn validator(schema: &Value) -> Option<Validator> {
    options(Formats::Assert).build(schema).ok()
}

/// Every value of the list against every schema: the same as the validator says.
#[test]
fn says_what_the_validator_says() {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-7),
        json!(10),
        json!(1.0),
        json!(1.5),
        json!(1e300),
        json!(12_345_678_901_234_567_890_u64),
        json!(""),
        json!("a"),
        json!("abcd"),
        json!("2026-02-30"),
        json!("2026-02-28"),
        json!("è"),
        json!([]),
        json!([1]),
        json!([1, "a"]),
        json!([1, 1]),
        json!(["a", "b", "c"]),
        json!({}),
        json!({"a": 1}),
        json!({"a": "x"}),
        json!({"b": 2, "a": 1}),
        json!({"b": 2}),
        json!({"c": [1], "a": 1}),
        json!({"a": {"a": 1}}),
    ];
    for (is_quick, schema) in [
        (true, json!(true)),
        (true, json!(false)),
        (true, json!({"type": "integer"})),
        (true, json!({"type": ["number", "null"]})),
        (true, json!({"type": "integer", "minimum": -3, "maximum": 10})),
        (true, json!({"minimum": 1.5})),
        (true, json!({"exclusiveMinimum": 1, "multipleOf": 2})),
        (true, json!({"maximum": 100})),
        (true, json!({"type": "string", "minLength": 1, "maxLength": 3})),
        (true, json!({"pattern": "^[a-c]{1,4}$"})),
        (true, json!({"pattern": "a|è"})),
        (true, json!({"format": "date"})),
        (true, json!({"enum": ["a", "abcd"]})),
        (true, json!({"enum": ["a", null, 1]})),
        (true, json!({"const": {"a": 1}})),
        (true, json!({"type": "array", "items": {"type": "integer"}, "uniqueItems": true})),
        (true, json!({"prefixItems": [{"type": "integer"}], "items": {"type": "string"}, "minItems": 1, "maxItems": 2})),
        (true, json!({"properties": {"a": {"type": "integer"}, "b": true}, "required": ["a"]})),
        (true, json!({"properties": {"a": {}}, "additionalProperties": false, "maxProperties": 1})),
        (true, json!({"properties": {"a": {}}, "additionalProperties": {"type": "array"}, "required": ["c", "a"]})),
        (true, json!({"required": ["b"], "minProperties": 2, "additionalProperties": {"type": "integer"}})),
        (true, json!({"dependentRequired": {"b": ["a"]}})),
        (true, json!({"allOf": [{"type": "object"}, {"required": ["a"]}]})),
        (true, json!({"anyOf": [{"type": "string"}, {"required": ["a"]}]})),
        (true, json!({"oneOf": [{"type": "integer"}, {"maximum": 3}, {"type": "string"}]})),
        (true, json!({"not": {"type": "object"}})),
        (true, json!({"if": {"type": "object"}, "then": {"required": ["a"]}, "else": {"type": "array"}})),
        (true, json!({"then": false})),
        (false, json!({"patternProperties": {"^a": {"type": "integer"}}})),
        (false, json!({"contains": {"type": "integer"}})),
        (false, json!({"properties": {"a": {"propertyNames": {"maxLength": 1}}}})),
        (false, json!({"unevaluatedProperties": false})),
    ] {
        let mut merged = schema.clone();
        change_each(&mut merged, &mut |members| {
            text::merge(members);
            bounds::merge(members);
        });
        let validator_of_all = validator(&merged).unwrap_or_else(|| panic!("{schema}"));
        let definitions = [merged];
        let (quick, places) = Builder::build(&definitions, &validator);
        assert_eq!(places[0].is_some(), is_quick, "{schema}");
        for value in values.iter().filter(|_| is_quick) {
            let json = Json::read(Bytes::from(value.to_string()), &JsonLimits::default()).expect("JSON");
            assert_eq!(quick.is_valid(0, json.root()), validator_of_all.is_valid(Instance::Value(json.root())), "{schema} {value}");
        }
    }
}

#[test]
fn what_goes_round_or_multiplies_is_left_to_the_validator() {
    let to = |id: usize| json!({ "$ref": format!("#/$defs/s{id}") });
    let twice = |id: usize| json!({ "allOf": [to(id), to(id)] });
    let list =
        [json!({"type": "array", "items": to(0)}), json!({"properties": {"a": to(0)}}), json!({"properties": {"a": to(3)}}), json!(true)];
    let found = Builder::build(&list, &validator).1;
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, true]);
    let doubling: Vec<Value> = (1..20).map(twice).chain([json!({"type": "string"})]).collect();
    let found = Builder::build(&doubling, &validator).1;
    assert!(found[0].is_none() && found[12].is_some(), "{found:?}");
}
