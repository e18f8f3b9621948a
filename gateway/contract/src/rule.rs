//! The rules of schemas in words.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::{Number, Value};

/// A rule in words, and what it asks for.
pub(crate) struct Rule {
    pub(crate) keyword: &'static str,
    pub(crate) message: String,
    pub(crate) expected: Option<Value>,
}

impl Rule {
    pub(crate) fn new(keyword: &'static str, message: impl Into<String>) -> Self {
        Self { keyword, message: message.into(), expected: None }
    }

    pub(crate) fn asks(self, expected: impl Into<Value>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }
}

/// The rule in words. What stands in them comes from the contract; the names that the sender chose are only counted.
pub(crate) fn of(kind: &ValidationErrorKind) -> Rule {
    use ValidationErrorKind as K;
    match kind {
        K::AdditionalItems { limit } => Rule::new("additionalItems", format!("has more than {limit} items")).asks(*limit as u64),
        K::AdditionalProperties { unexpected } => unexpected_members(unexpected.len() as u64),
        K::AnyOf { context } => Rule::new("anyOf", format!("matches none of the {} alternatives", context.len())),
        K::BacktrackLimitExceeded { .. } | K::RegexEngineFailure { .. } => Rule::new("pattern", "cannot be held against the pattern"),
        K::Constant { expected_value } => constant(Some((**expected_value).clone())),
        K::Contains => Rule::new("contains", "has too few or too many items of the kind that is asked for"),
        K::ContentEncoding { content_encoding } => Rule::new("contentEncoding", format!("is not encoded as {content_encoding}")),
        K::FromUtf8 { .. } => Rule::new("contentEncoding", "does not hold UTF-8"),
        K::ContentMediaType { content_media_type } => Rule::new("contentMediaType", format!("does not hold {content_media_type}")),
        K::Custom { .. } => Rule::new("custom", "breaks a rule of the contract"),
        K::Enum { options } => listed(Some((**options).clone())),
        K::ExclusiveMaximum { limit } => of_own("exclusiveMaximum", &limit.to_string()),
        K::ExclusiveMinimum { limit } => of_own("exclusiveMinimum", &limit.to_string()),
        K::FalseSchema => Rule::new("false", "is not allowed here"),
        K::Format { format } => Rule::new("format", format!("is not of the format {format}")).asks(format.as_str()),
        K::MaxItems { limit } => Rule::new("maxItems", format!("has more than {}", counted(*limit, "item", "items"))).asks(*limit),
        K::Maximum { limit } => of_own("maximum", &limit.to_string()),
        K::MaxLength { limit } => {
            Rule::new("maxLength", format!("is longer than {}", counted(*limit, "character", "characters"))).asks(*limit)
        }
        K::MaxProperties { limit } => {
            Rule::new("maxProperties", format!("has more than {}", counted(*limit, "member", "members"))).asks(*limit)
        }
        K::MinItems { limit } => Rule::new("minItems", format!("has fewer than {}", counted(*limit, "item", "items"))).asks(*limit),
        K::Minimum { limit } => of_own("minimum", &limit.to_string()),
        K::MinLength { limit } => {
            Rule::new("minLength", format!("is shorter than {}", counted(*limit, "character", "characters"))).asks(*limit)
        }
        K::MinProperties { limit } => {
            Rule::new("minProperties", format!("has fewer than {}", counted(*limit, "member", "members"))).asks(*limit)
        }
        K::MultipleOf { multiple_of } => of_own("multipleOf", &multiple_of.to_string()),
        K::Not { .. } => Rule::new("not", "matches what is not allowed"),
        K::OneOfMultipleValid { .. } => Rule::new("oneOf", "matches more than one of the alternatives"),
        K::OneOfNotValid { context } => Rule::new("oneOf", format!("matches none of the {} alternatives", context.len())),
        K::Pattern { pattern } => of_pattern(pattern),
        K::PropertyNames { .. } => Rule::new("propertyNames", "has a member whose name is not allowed"),
        K::Required { .. } => required(),
        K::Type { kind } => Rule::new("type", format!("is not {}", types(kind))).asks(types(kind)),
        K::UnevaluatedItems { unexpected } => Rule::new(
            "unevaluatedItems",
            format!("has {}", counted(unexpected.len() as u64, "item that is not allowed", "items that are not allowed")),
        ),
        K::UnevaluatedProperties { unexpected } => Rule::new(
            "unevaluatedProperties",
            format!("has {}", counted(unexpected.len() as u64, "member that is not allowed", "members that are not allowed")),
        ),
        K::UniqueItems => Rule::new("uniqueItems", "has the same item twice"),
        K::Referencing(_) => Rule::new("$ref", "cannot be held against the contract"),
    }
}

/// The rule that there are so many members too many.
pub(crate) fn unexpected_members(count: u64) -> Rule {
    let message = format!("has {}", counted(count, "member that is not allowed", "members that are not allowed"));
    Rule::new("additionalProperties", message)
}

/// The rule that a member is missing.
pub(crate) fn required() -> Rule {
    Rule::new("required", "is required")
}

/// The rule that a text matches a pattern, as the document writes it.
pub(crate) fn of_pattern(pattern: &str) -> Rule {
    Rule::new("pattern", format!("does not match the pattern {pattern}")).asks(pattern)
}

/// What a keyword of ours asks for ([`crate::own`]), in words.
pub(crate) fn of_own(keyword: &str, asked: &str) -> Rule {
    use ValidationErrorKind as K;
    let limit = asked.parse().unwrap_or_default();
    match keyword {
        "maxLength" => of(&K::MaxLength { limit }),
        "minLength" => of(&K::MinLength { limit }),
        "minimum" => of_number("minimum", "less than", asked),
        "maximum" => of_number("maximum", "greater than", asked),
        "exclusiveMinimum" => of_number("exclusiveMinimum", "not greater than", asked),
        "exclusiveMaximum" => of_number("exclusiveMaximum", "not less than", asked),
        "multipleOf" => of_number("multipleOf", "not a multiple of", asked),
        // What has numbers of many digits is not told: others would be.
        "const" => constant(serde_json::from_str(asked).ok()),
        "enum" => listed(serde_json::from_str(asked).ok()),
        _ => Rule::new("type", format!("is not {asked}")).asks(asked),
    }
}

fn constant(expected: Option<Value>) -> Rule {
    let rule = Rule::new("const", "is not the one allowed value");
    Rule { expected, ..rule }
}

fn listed(options: Option<Value>) -> Rule {
    let rule = Rule::new("enum", one_of(options.as_ref().unwrap_or(&Value::Null)));
    Rule { expected: options, ..rule }
}

fn of_number(keyword: &'static str, is: &str, asked: &str) -> Rule {
    let rule = Rule::new(keyword, format!("is {is} {asked}"));
    match asked.parse::<Number>() {
        Ok(number) if number.to_string() == asked => rule.asks(number),
        // Of many digits the text says more.
        _ => rule.asks(asked),
    }
}

fn counted(count: u64, one: &str, more: &str) -> String {
    let word = if count == 1 { one } else { more };
    format!("{count} {word}")
}

/// Short lists are told, long ones are looked up in the document, and so are those with numbers of many digits.
pub(crate) fn one_of(options: &Value) -> String {
    let list = options.as_array().map(|options| options.iter().map(Value::to_string).collect::<Vec<_>>().join(", "));
    match list {
        Some(list) if list.len() <= 120 => format!("is not one of the allowed values {list}"),
        _ => "is not one of the allowed values".into(),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => kind.to_string(),
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or "),
    }
}
