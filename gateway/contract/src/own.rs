//! Keywords that are looked at by code of ours.

use jsonschema::{Keyword, ValidationError};

use crate::instance::{Arena, Instance};

/// The keyword of which an error names the missing member.
pub(crate) const REQUIRED: &str = "required";

/// The keyword of which an error names the pattern as the engine reads it.
pub(crate) const PATTERN: &str = "pattern";

/// A keyword that is broken, and what it asks for.
pub(crate) type Asked = (&'static str, String);

/// What a keyword of ours says of values.
pub(crate) trait Rules: Send + Sync {
    /// Whether a value keeps it.
    fn is_kept(&self, value: Instance<'_>) -> bool;

    /// What of it a value breaks.
    fn broken(&self, value: Instance<'_>) -> Vec<Asked>;
}

/// A keyword of ours as jsonschema has keywords. Its errors carry what is broken as a message.
pub(crate) struct Own<R>(pub(crate) R);

impl<'i, R: Rules> Keyword<'i, Arena> for Own<R> {
    fn is_valid(&self, instance: Instance<'i>) -> bool {
        self.0.is_kept(instance)
    }

    fn validate(&self, instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        self.iter_errors(instance).next().map_or(Ok(()), Err)
    }

    fn iter_errors(&self, instance: Instance<'i>) -> Box<dyn Iterator<Item = ValidationError<'i>> + 'i> {
        let error = |(keyword, asked): Asked| ValidationError::custom(format!("{keyword} {asked}"));
        Box::new(self.0.broken(instance).into_iter().map(error))
    }
}

/// What the message of an error says that is broken.
pub(crate) fn told(message: &str) -> Option<(&str, &str)> {
    message.split_once(' ')
}
