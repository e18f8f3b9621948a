//! `required`, asked in the order in which members mostly stand.

use serde_json::Value;

use crate::instance::Instance;
use crate::own::{Asked, REQUIRED, Rules};

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

impl Rules for Required {
    fn is_kept(&self, value: Instance<'_>) -> bool {
        self.missing(value).next().is_none()
    }

    fn broken(&self, value: Instance<'_>) -> Vec<Asked> {
        self.missing(value).map(|name| (REQUIRED, name.to_owned())).collect()
    }
}
