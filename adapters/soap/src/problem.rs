//! Faults as problems.

use std::borrow::Cow;

use adapter_api::json::{Kind, Node};
use adapter_api::{Json, JsonLimits, Problem};
use bytes::Bytes;
use serde_json::Value;

use crate::mapping::Exposed;
use crate::operation::{Operation, Refusal};
use crate::plan::Space;
use crate::read::SoapFault;

/// Whom a fault blames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// The request, by its content.
    Caller,
    /// The upstream itself.
    Upstream,
    /// What the gateway sent around the request: envelope or credentials. Nothing that a caller could mend.
    Gateway,
}

/// The problem that a fault becomes: by the mapping, else by what the description declares, else by its code.
pub(crate) fn of_fault(operation: &Operation, fault: &SoapFault, exposed: Exposed) -> Problem {
    let blame = blame(fault);
    let rule = names(fault).find_map(|name| operation.fault_rules.iter().find(|(known, _)| **known == *name).map(|(_, rule)| rule));
    let declared = fault.declared.map(|at| &*operation.faults[at].local);
    let status = rule.and_then(|rule| rule.status).unwrap_or(if blame == Blame::Caller { 422 } else { 502 });
    let kind: Cow<'static, str> = match (rule.and_then(|rule| rule.kind.as_deref()), declared) {
        (Some(kind), _) => kind.to_owned().into(),
        (None, Some(name)) => format!("fault/{name}").into(),
        (None, None) => "soap-fault".into(),
    };
    let title: Cow<'static, str> = match (rule.and_then(|rule| rule.title.as_deref()), declared) {
        (Some(title), _) => title.to_owned().into(),
        (None, Some(name)) => name.to_owned().into(),
        (None, None) if blame == Blame::Caller => "the upstream refused the request".into(),
        (None, None) => "the upstream failed".into(),
    };
    let mut problem = Problem::new(status, kind, title);
    if exposed.reason && blame != Blame::Gateway && !fault.reason.trim().is_empty() {
        problem = problem.detail(fault.reason.trim());
    }
    if let (Some((_, code)), None) = (&fault.code, declared)
        && blame != Blame::Gateway
    {
        problem = problem.with("soapFaultCode", code.as_str());
    }
    let told = fault.json.as_ref().filter(|_| exposed.detail);
    match told.map(|json| Json::read(Bytes::copy_from_slice(json), &JsonLimits::default())) {
        Some(Ok(detail)) => problem.with("fault", exact(detail.root())),
        _ => problem,
    }
}

/// A value in serde's tree, whose numbers are floats: one that a float would round stays as its text.
fn exact(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Array => node.items().map(exact).collect(),
        Kind::Object => node.members().map(|(name, value)| (name.as_str().unwrap_or_default().to_owned(), exact(value))).collect(),
        Kind::Number => {
            let text = node.raw();
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let whole = text.parse().map(|number: i64| number.into()).or_else(|_| text.parse().map(|number: u64| number.into()));
            match whole {
                Ok(whole) => whole,
                Err(_) if digits <= 15 => node.to_value(),
                Err(_) => text.into(),
            }
        }
        Kind::Null | Kind::Bool | Kind::String => node.to_value(),
    }
}

/// The problem of a rule that needs nothing of the answer.
pub(crate) fn of_rule(rule: &Refusal) -> Problem {
    let kind = rule.kind.as_deref().map_or(Cow::Borrowed("upstream-error"), |kind| Cow::Owned(kind.to_owned()));
    let title = rule.title.as_deref().map_or(Cow::Borrowed("the upstream refused the request"), |title| Cow::Owned(title.to_owned()));
    Problem::new(rule.status.unwrap_or(502), kind, title)
}

/// The names by which a rule can mean a fault, the most telling first.
fn names(fault: &SoapFault) -> impl Iterator<Item = &str> {
    let codes = fault.subcodes.iter().rev().chain(&fault.code).map(|(_, code)| code.as_str());
    let suffixes = fault.code.iter().filter_map(|(_, code)| code.rsplit_once('.').map(|(_, suffix)| suffix));
    fault.detail.as_deref().into_iter().chain(codes).chain(suffixes)
}

fn blame(fault: &SoapFault) -> Blame {
    let secured = |space: Space, code: &str| {
        let known = [
            "FailedAuthentication",
            "FailedCheck",
            "MessageExpired",
            "InvalidSecurity",
            "InvalidSecurityToken",
            "SecurityTokenUnavailable",
        ];
        space == Space::WSSE || known.contains(&code)
    };
    if fault.code.iter().chain(&fault.subcodes).any(|(space, code)| secured(*space, code)) {
        return Blame::Gateway;
    }
    let code = fault.code.as_ref().map_or("", |(_, code)| code.split('.').next().unwrap_or_default());
    match code {
        "Client" | "Sender" => Blame::Caller,
        "MustUnderstand" | "VersionMismatch" | "DataEncodingUnknown" => Blame::Gateway,
        _ => Blame::Upstream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_a_detail_is_rounded() {
        let text = r#"{"a":[12345678901234567890.10,18446744073709551615,-7,10.50,1e3,null]}"#;
        let json = Json::read(Bytes::from_static(text.as_bytes()), &JsonLimits::default()).map(|json| exact(json.root()).to_string());
        assert_eq!(json.as_deref(), Ok(r#"{"a":["12345678901234567890.10",18446744073709551615,-7,10.5,1000.0,null]}"#));
    }
}
