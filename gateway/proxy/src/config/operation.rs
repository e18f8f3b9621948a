//! What the configuration adds to an operation of a contract.

use std::time::Duration;

use document::{Fault, Section};
use exchange::{OperationSpec, Pointer};

use super::selector::{self, Selector};

/// The rules of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationRules {
    /// Asking changes nothing: it may be repeated, and its answers may be kept.
    pub safe: bool,
    /// Asking twice is as asking once: it may be repeated.
    pub idempotent: bool,
    /// How its answers are kept.
    pub cache: Option<CacheRules>,
}

/// How answers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// For how long.
    pub ttl: Duration,
    /// Members of the body that do not belong to the key.
    pub ignore: Vec<Pointer>,
    /// Members of the answer that are the caller's own, put back from its request: by the same pointer.
    pub echo: Vec<Pointer>,
}

/// Reads `operations`: by `operationId`. GET and HEAD are safe, PUT and DELETE idempotent (RFC 9110 §9.2), unless said
/// otherwise; a POST is neither unless declared.
pub(super) fn compile(section: &Section<'_>, specs: &[OperationSpec]) -> Vec<OperationRules> {
    let mut rules: Vec<OperationRules> = specs.iter().map(defaults).collect();
    for (key, operation) in section.named_sections("operations") {
        let declared = read(&operation);
        match specs.iter().position(|spec| *spec.id == *key.text) {
            Some(at) => rules[at] = declared(&rules[at]),
            None => {
                let known = specs.iter().map(|spec| format!("`{}`", spec.id)).collect::<Vec<_>>().join(", ");
                let fault = Fault::error(operation.here(), format!("the contract has no operation `{}`", key.text));
                section.report(fault.hint(format!("it has {known}")));
            }
        }
    }
    rules
}

fn defaults(spec: &OperationSpec) -> OperationRules {
    let safe = contract::is_safe(&spec.method);
    OperationRules { safe, idempotent: safe || spec.method.is_idempotent(), cache: None }
}

fn read(section: &Section<'_>) -> impl Fn(&OperationRules) -> OperationRules + use<> {
    let safe = section.flag("safe");
    let idempotent = section.flag("idempotent");
    let cache = section.section("cache").and_then(|cache| {
        let ttl = cache.duration("ttl");
        if cache.node("ttl").is_none() {
            let fault = Fault::error(cache.here(), format!("`{}` needs `ttl`", cache.name()));
            cache.report(fault.hint("for how long an answer is kept at the most, such as `ttl: 10m`"));
        }
        let (ignore, echo) = (pointers(&cache, "ignore"), pointers(&cache, "echo"));
        if safe != Some(true) {
            let fault = Fault::error(cache.here(), "only an operation declared safe can be cached");
            cache.report(fault.hint("write `safe: true` if asking it changes nothing"));
        }
        Some(CacheRules { ttl: ttl?, ignore, echo })
    });
    move |defaults| OperationRules {
        safe: safe.unwrap_or(defaults.safe),
        idempotent: idempotent.unwrap_or(defaults.idempotent) || safe == Some(true),
        cache: cache.clone(),
    }
}

fn pointers(section: &Section<'_>, key: &'static str) -> Vec<Pointer> {
    let pointer = |selector| match selector {
        Selector::Body(pointer) => Some(pointer),
        _ => {
            section
                .report(Fault::error(section.place(key), format!("`{}.{key}` takes members of the body: `body:/pointer`", section.name())));
            None
        }
    };
    selector::list(section, key).into_iter().filter_map(pointer).collect()
}
