use std::borrow::Cow;

use serde_json::{Map, Value};

/// A problem (RFC 9457): what a refused caller is told, in REST as `application/problem+json`, in SOAP as a fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The stable name of the cause, appended to the configured base to make the `type` URI: `voucher-expired`.
    pub kind: Cow<'static, str>,
    /// The cause in a few words, the same for every occurrence.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time and what mends it; never a value that the citizen or the caller sent.
    pub detail: Option<String>,
    /// Extension members, after the standard ones.
    pub extensions: Vec<(Cow<'static, str>, Value)>,
}

impl Problem {
    /// A problem without detail.
    pub fn new(status: u16, kind: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: kind.into(), title: title.into(), status, detail: None, extensions: Vec::new() }
    }

    /// The same problem with a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same problem with one more extension member.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.extensions.push((name.into(), value.into()));
        self
    }

    /// The `application/problem+json` body. `base` is put before the kind; `instance` names the exchange.
    pub fn to_json(&self, base: &str, instance: Option<&str>) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("type".into(), format!("{base}{}", self.kind).into());
        members.insert("title".into(), self.title.as_ref().into());
        members.insert("status".into(), self.status.into());
        if let Some(detail) = &self.detail {
            members.insert("detail".into(), detail.as_str().into());
        }
        if let Some(instance) = instance {
            members.insert("instance".into(), instance.into());
        }
        for (name, value) in &self.extensions {
            members.insert(name.to_string(), value.clone());
        }
        Value::Object(members).to_string().into_bytes()
    }
}
