//! `required`, asked in the order in which members mostly stand.

use jsonschema::{Keyword, ValidationError};
use serde_json::Value;

use crate::instance::{Arena, Instance};
use crate::own::{REQUIRED, broken};

/// The members that an object has to have.
pub(crate) struct Required(Box<[Box<str>]>);

impl Required {
    /// Reads the keyword's value.
    pub(crate) fn read(names: &Value) -> Self {
        Self(names.as_array().into_iter().flatten().filter_map(Value::as_str).map(Box::from).collect())
    }

    fn missing<'r>(&'r self, instance: Instance<'_>) -> impl Iterator<Item = &'r str> {
        let mut members = instance.names();
        self.0.iter().map(|name| &**name).filter(move |name| {
            let Some(left) = &mut members else { return false };
            if left.any(|member| member == name.as_bytes()) {
                return false;
            }
            // Not behind the one before it: then it is looked for from the beginning.
            let mut all = instance.names().into_iter().flatten();
            let found = all.any(|member| member == name.as_bytes());
            members = instance.names();
            !found
        })
    }
}

impl<'i> Keyword<'i, Arena> for Required {
    fn is_valid(&self, instance: Instance<'i>) -> bool {
        self.missing(instance).next().is_none()
    }

    fn validate(&self, instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        self.iter_errors(instance).next().map_or(Ok(()), Err)
    }

    fn iter_errors(&self, instance: Instance<'i>) -> Box<dyn Iterator<Item = ValidationError<'i>> + 'i> {
        let missing: Vec<_> = self.missing(instance).map(|name| broken(REQUIRED, &name)).collect();
        Box::new(missing.into_iter())
    }
}
