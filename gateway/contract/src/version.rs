//! The versions of OpenAPI, and what a document may not mix.

use serde_json::Value;

use crate::described::{AnswerParts, BodyParts, ParameterParts, StatusKey};
use crate::lower::is_known_dialect;
use crate::names::is_numeral;
use crate::source::{Source, child};
use crate::{read30, read31, read32};

/// The versions of OpenAPI that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V30,
    V31,
    V32,
}

/// What version of OpenAPI a document says that it is of.
fn version(raw: &Value) -> Option<&str> {
    raw.get("openapi")?.as_str()
}

/// Each function reads one object without the references and schemas in it: those are followed in the same way in every
/// version. The error is in words.
impl Version {
    /// The version that a document says that it is of, if it is read here.
    pub(crate) fn named(raw: &Value) -> Option<Self> {
        let patch = |line: &str| version(raw)?.strip_prefix(line).filter(|patch| is_numeral(patch.split('-').next().unwrap_or_default()));
        let known = [("3.0.", Self::V30), ("3.1.", Self::V31), ("3.2.", Self::V32)];
        known.into_iter().find(|(line, _)| patch(line).is_some()).map(|(_, version)| version)
    }

    /// The first two numbers.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Self::V30 => "3.0",
            Self::V31 => "3.1",
            Self::V32 => "3.2",
        }
    }

    pub(crate) fn of(source: &Source<'_>) -> Option<Self> {
        let known = Self::named(source.root());
        if known.is_none() {
            refuse(source);
        }
        known
    }

    /// Whether its schemas are JSON Schema 2020-12, and not of a dialect of their own.
    pub(crate) fn is_of_2020_12(self) -> bool {
        self != Self::V30
    }

    pub(crate) fn operation_id(self, raw: &Value) -> Result<Option<String>, String> {
        match self {
            Self::V30 => read30::operation_id(raw),
            Self::V31 | Self::V32 => read31::operation_id(raw),
        }
    }

    pub(crate) fn parameter(self, raw: &Value) -> Result<ParameterParts, String> {
        match self {
            Self::V30 => read30::parameter(raw),
            Self::V31 => read31::parameter(raw),
            Self::V32 => read32::parameter(raw),
        }
    }

    /// Whether a Parameter Object is of the whole query.
    pub(crate) fn is_whole_query(self, raw: &Value) -> bool {
        self == Self::V32 && read32::is_whole_query(raw)
    }

    pub(crate) fn body(self, raw: &Value) -> Result<BodyParts, String> {
        match self {
            Self::V30 => read30::body(raw),
            Self::V31 | Self::V32 => read31::body(raw),
        }
    }

    pub(crate) fn status(self, key: &str) -> Option<StatusKey> {
        match self {
            // The types of `openapiv3` take `6XX`.
            Self::V30 => read30::status(key).filter(|key| !matches!(key, StatusKey::Range(0 | 6..))),
            Self::V31 | Self::V32 => read31::status(key),
        }
    }

    pub(crate) fn answer(self, raw: &Value) -> Result<AnswerParts, String> {
        match self {
            Self::V30 => read30::answer(raw),
            Self::V31 | Self::V32 => read31::answer(raw),
        }
    }
}

fn refuse(source: &Source<'_>) {
    match version(source.root()) {
        Some(version) => {
            source.error("/openapi", format!("OpenAPI {} is not supported: 3.0, 3.1 and 3.2 are", version.escape_debug()));
        }
        None if source.root().get("swagger").is_some() => {
            source.error_with_hint("/swagger", "Swagger 2 is not supported", "convert the document to OpenAPI 3.0, 3.1 or 3.2");
        }
        None => source.error("", "this is no OpenAPI document: `openapi` with its version is missing"),
    }
}

/// Schemas from 3.1 on may be written in another dialect of JSON Schema, which would be read with other rules.
pub(crate) fn refuse_other_dialects(source: &Source<'_>, version: Version) {
    for (at, raw) in source.documents().filter(|_| version.is_of_2020_12()) {
        let dialect = raw.get("jsonSchemaDialect").and_then(Value::as_str);
        if let Some(dialect) = dialect.filter(|dialect| !is_known_dialect(dialect)) {
            let message = format!("the dialect `{dialect}` is not supported: schemas are JSON Schema 2020-12");
            source.error(&child(&at, "jsonSchemaDialect"), message);
        }
    }
}

/// What one version of OpenAPI says, another says otherwise: `nullable`, `exclusiveMinimum`, what stands beside references.
pub(crate) fn refuse_other_versions(source: &Source<'_>) {
    let line = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>().join(".");
    let own = version(source.root()).map(line);
    for (at, raw) in source.documents() {
        let other = version(raw).map(line);
        if let Some(other) = other.filter(|other| Some(other) != own.as_ref()) {
            let message =
                format!("this document is of OpenAPI {other}, and a document of {} leads to it", own.as_deref().unwrap_or_default());
            source.error_with_hint(&child(&at, "openapi"), message, "write both for one version");
        }
    }
}
