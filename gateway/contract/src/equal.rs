//! Whether two values are the same (JSON Schema 2020-12 core §4.2.2): numbers by their digits, objects whatever the order of their members.

use jsonschema::json::{Array as _, Node as _, Object as _};
use jsonschema::{Keyword, ValidationError};
use serde_json::Value;

use crate::decimal::Decimal;
use crate::instance::{Arena, Instance};
use crate::own::broken;

/// Whether a value is one that the contract lists.
pub(crate) fn is_listed(value: Instance<'_>, expected: &Value) -> bool {
    match expected {
        Value::Null => value.is_null(),
        Value::Bool(expected) => value.as_boolean() == Some(*expected),
        Value::String(expected) => value.as_bytes() == Some(expected.as_bytes()),
        Value::Number(expected) => {
            let is = |text: &str| Decimal::read(text).compare(&Decimal::read(&expected.to_string())).is_eq();
            value.as_number().is_some_and(|number| is(number.0))
        }
        Value::Array(items) => value.as_array().is_some_and(|list| {
            list.len() == items.len() && list.elements().zip(items).all(|(value, expected)| is_listed(value, expected))
        }),
        Value::Object(members) => value.as_object().is_some_and(|object| {
            let is = |(name, value)| members.get(name).is_some_and(|expected| is_listed(value, expected));
            object.len() == members.len() && object.members().all(is)
        }),
    }
}

/// The same text for the same value, and another for another.
pub(crate) fn canonical(value: Instance<'_>) -> String {
    let mut written = String::new();
    write(value, &mut written);
    written
}

fn write(value: Instance<'_>, written: &mut String) {
    if let Some(list) = value.as_array() {
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

/// The keyword `const`.
pub(crate) const CONST: &str = "const";

/// The one value that is allowed.
pub(crate) struct Constant(pub(crate) Value);

impl<'i> Keyword<'i, Arena> for Constant {
    fn is_valid(&self, instance: Instance<'i>) -> bool {
        is_listed(instance, &self.0)
    }

    fn validate(&self, instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(broken(CONST, &self.0)) }
    }

    fn iter_errors(&self, instance: Instance<'i>) -> Box<dyn Iterator<Item = ValidationError<'i>> + 'i> {
        Box::new(self.validate(instance).err().into_iter())
    }
}
