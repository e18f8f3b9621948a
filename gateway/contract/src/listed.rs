//! The values that `enum` and `const` list, and whether two values are the same (JSON Schema 2020-12 core §4.2.2): numbers by their digits,
//! objects whatever the order of their members.

use jsonschema::json::{Array as _, Node as _, Object as _};
use serde_json::{Map, Value};

use crate::decimal::Decimal;
use crate::digits::DIGITS;
use crate::instance::Instance;
use crate::own::{Asked, Rules};
use crate::parameter::decoded::Decoded;
use crate::source::child;

pub(crate) const CONST: &str = "const";
pub(crate) const ENUM: &str = "enum";

/// A value that the contract lists.
#[derive(Debug)]
enum One {
    Null,
    Bool(bool),
    Text(Box<str>),
    /// By its text.
    Number(Box<str>),
    List(Box<[One]>),
    Record(Box<[(Box<str>, One)]>),
}

/// The only values that are allowed.
#[derive(Debug)]
pub(crate) struct Listed(Box<[One]>);

impl Listed {
    /// Reads the value of `enum`. `digits`: the texts of its numbers that have many, by their pointers.
    pub(crate) fn of_enum(values: &Value, digits: Option<&Value>) -> Self {
        let values = values.as_array().into_iter().flatten().enumerate();
        Self(values.map(|(n, value)| One::read(value, &format!("/{ENUM}/{n}"), digits)).collect())
    }

    /// Reads the value of `const`, likewise.
    pub(crate) fn of_const(value: &Value, digits: Option<&Value>) -> Self {
        Self(Box::new([One::read(value, &format!("/{CONST}"), digits)]))
    }

    /// Whether a value is one of them.
    pub(crate) fn has(&self, value: Instance<'_>) -> bool {
        self.0.iter().any(|one| one.is(value))
    }
}

impl One {
    fn read(value: &Value, at: &str, digits: Option<&Value>) -> Self {
        if let Some(text) = digits.and_then(|digits| digits.get(at)?.as_str()) {
            return Self::Number(text.into());
        }
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_string().into()),
            Value::String(text) => Self::Text(text.as_str().into()),
            Value::Array(items) => {
                Self::List(items.iter().enumerate().map(|(n, item)| Self::read(item, &format!("{at}/{n}"), digits)).collect())
            }
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| (name.as_str().into(), Self::read(value, &child(at, name), digits));
                Self::Record(members.iter().map(member).collect())
            }
        }
    }

    fn is(&self, value: Instance<'_>) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Bool(own) => value.as_boolean() == Some(*own),
            Self::Text(own) => match value {
                // A file is the text that its bytes are.
                Instance::Decoded(Decoded::File(bytes)) => **bytes == *own.as_bytes(),
                _ => value.as_bytes() == Some(own.as_bytes()),
            },
            Self::Number(own) => value.as_number().is_some_and(|number| Decimal::read(number.0).compare(&Decimal::read(own)).is_eq()),
            Self::List(own) => {
                value.as_array().is_some_and(|list| list.len() == own.len() && list.elements().zip(own).all(|(value, own)| own.is(value)))
            }
            Self::Record(own) => value.as_object().is_some_and(|object| {
                let is = |(name, value): (&str, Instance<'_>)| {
                    own.iter().find(|(known, _)| **known == *name).is_some_and(|(_, own)| own.is(value))
                };
                object.len() == own.len() && object.members().all(is)
            }),
        }
    }
}

/// `enum` or `const`, with what it asks for as the document writes it; nothing, where that has numbers of many digits.
pub(crate) struct Allowed {
    keyword: &'static str,
    listed: Listed,
    written: String,
}

impl Allowed {
    /// Reads the value of `enum` in a lowered schema.
    pub(crate) fn of_enum(schema: &Map<String, Value>, values: &Value) -> Self {
        let digits = schema.get(DIGITS);
        let written = if digits.is_some() { String::new() } else { values.to_string() };
        Self { keyword: ENUM, listed: Listed::of_enum(values, digits), written }
    }

    /// Reads the value of `const` in a lowered schema.
    pub(crate) fn of_const(schema: &Map<String, Value>, value: &Value) -> Self {
        let digits = schema.get(DIGITS);
        let written = if digits.is_some() { String::new() } else { value.to_string() };
        Self { keyword: CONST, listed: Listed::of_const(value, digits), written }
    }
}

impl Rules for Allowed {
    fn is_kept(&self, value: Instance<'_>) -> bool {
        self.listed.has(value)
    }

    fn broken(&self, value: Instance<'_>) -> Vec<Asked> {
        if self.is_kept(value) { Vec::new() } else { vec![(self.keyword, self.written.clone())] }
    }
}

/// The same text for the same value, and another for another.
pub(crate) fn canonical(value: Instance<'_>) -> String {
    let mut written = String::new();
    write(value, &mut written);
    written
}

fn write(value: Instance<'_>, written: &mut String) {
    if let Instance::Decoded(Decoded::File(bytes)) = value
        && str::from_utf8(bytes).is_err()
    {
        // No text begins so.
        written.push('<');
        written.extend(bytes.iter().map(|&byte| char::from(byte)));
    } else if let Some(list) = value.as_array() {
        written.push('[');
        for item in list.elements() {
            write(item, written);
            written.push(',');
        }
        written.push(']');
    } else if let Some(object) = value.as_object() {
        let mut members: Vec<_> = object.members().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        written.push('{');
        for (name, value) in members {
            *written += &Value::from(name).to_string();
            write(value, written);
            written.push(',');
        }
        written.push('}');
    } else if let Some(number) = value.as_number() {
        *written += &Decimal::read(number.0).canonical();
    } else if let Some(text) = value.as_string() {
        *written += &Value::from(&*text).to_string();
    } else {
        *written += value.as_boolean().map_or("null", |value| if value { "true" } else { "false" });
    }
}
