//! What the Italian guidelines ask of a published document: the rules whose breach PDND does not let pass ("Italian Guidelines Full", with
//! the extra rules on security; `pdnd-modi` §6.5), looked at offline.
//!
//! A document may be sound, and still not be what the guidelines ask for: the compiler is asked first, then each rule of a table.

use std::cell::RefCell;

use bytes::Bytes;
use document::{Fault, Faults};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;

use crate::answer::AnswerCheck;
use crate::compile::{CompileOptions, STATUS};
use crate::contract::Contract;
use crate::described::{self, Described, DescribedAnswer, DescribedMedia, Location, StatusKey};
use crate::documents::Documents;
use crate::drift::Drift;
use crate::media::MediaRange;
use crate::methods::is_safe;
use crate::request::Payload;
use crate::security::Promise;
use crate::source::{Source, child};
use crate::version::Version;
use crate::violation::Violation;

/// Every breach, each with its place and, in brackets, the name of its rule; before them what the compiler finds.
pub fn lint(documents: &Documents) -> Vec<Fault> {
    let faults = RefCell::new(Faults::new());
    let contract = Contract::compile(documents, &CompileOptions::default(), &faults);
    let unheard = RefCell::new(Faults::new());
    let source = Source::new(documents, &unheard);
    if let (Some(contract), Some(version)) = (contract, Version::of(&source)) {
        let operations = described::operations(&source, version);
        let lint = Lint { source: &source, contract: &contract, operations: &operations, faults: &faults };
        for (name, rule) in RULES {
            rule(&lint, name);
        }
    }
    faults.into_inner().sorted()
}

type Rule = fn(&Lint<'_, '_>, &str);

const RULES: [(&str, Rule); 17] = [
    ("servers", servers),
    ("info-contact", |lint, rule| lint.asks(rule, "/info/contact", "say whom to ask: `contact` with a name and an address")),
    ("info-summary", |lint, rule| lint.asks(rule, "/info/x-summary", "say in a line what the API is for: `x-summary`")),
    ("info-version", info_version),
    ("number-format", number_format),
    ("header-parameters", header_parameters),
    ("telling-names", telling_names),
    ("get-without-body", get_without_body),
    ("patch-media-type", patch_media_type),
    ("no-content", no_content),
    ("problem-details", problem_details),
    ("rate-limit", rate_limit),
    ("status", status),
    ("security-schemes", security_schemes),
    ("protected-methods", protected_methods),
    ("examples", examples_of_answers),
    ("examples", examples_of_requests),
];

struct Lint<'l, 'a> {
    source: &'l Source<'a>,
    contract: &'l Contract,
    operations: &'l [Described],
    faults: &'l RefCell<Faults>,
}

impl Lint<'_, '_> {
    fn tell(&self, rule: &str, pointer: &str, message: impl AsRef<str>, hint: &str) {
        let message = format!("{} [{rule}]", message.as_ref());
        self.faults.borrow_mut().push(Fault::error(self.source.place(pointer), message).hint(hint));
    }

    /// Something that has to be there.
    fn asks(&self, rule: &str, pointer: &str, hint: &str) {
        if self.source.at(pointer).is_none() {
            self.tell(rule, pointer, format!("`{}` is missing", pointer.trim_start_matches('/').replace('/', ".")), hint);
        }
    }

    fn answers(&self) -> impl Iterator<Item = (&Described, &DescribedAnswer)> {
        self.operations.iter().flat_map(|operation| operation.answers.iter().map(move |answer| (operation, answer)))
    }
}

/// They are there, say what they are, and are reached by TLS but for a sandbox.
fn servers(lint: &Lint<'_, '_>, rule: &str) {
    let servers = lint.source.root().get("servers").and_then(Value::as_array);
    let Some(servers) = servers.filter(|servers| !servers.is_empty()) else {
        return lint.tell(rule, "/servers", "there are no `servers`", "list where the API is reached");
    };
    for (n, server) in servers.iter().enumerate() {
        let at = format!("/servers/{n}");
        let text = |name: &str| server.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("description").is_empty() {
            lint.tell(rule, &at, "this server is not described", "say which one it is: `description`");
        }
        let is_sandbox = server.get("x-sandbox") == Some(&Value::Bool(true));
        let is_secure = text("url").get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if !is_secure && !is_sandbox {
            lint.tell(
                rule,
                &child(&at, "url"),
                "this server is not reached by `https`",
                "write `x-sandbox: true` beside one that is for trying only",
            );
        }
    }
}

fn info_version(lint: &Lint<'_, '_>, rule: &str) {
    let version = lint.source.at("/info/version").and_then(Value::as_str).unwrap_or_default();
    let (core, more) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
    let numbers: Vec<&str> = core.split('.').collect();
    let is_number =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if numbers.len() != 3 || !numbers.iter().all(is_number) || more.len() == 1 {
        lint.tell(rule, "/info/version", "the version is no semantic one", "such as `1.4.0` (semver.org)");
    }
}

/// Whoever reads a number has to know how large it may become.
fn number_format(lint: &Lint<'_, '_>, rule: &str) {
    for (at, raw) in lint.source.documents() {
        walk(raw, &at, &mut |value, at| {
            let kind = value.get("type");
            let is_number = kind.is_some_and(|kind| {
                ["number", "integer"]
                    .iter()
                    .any(|name| kind == name || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == name)))
            });
            if is_number && value.get("format").is_none() {
                lint.tell(rule, at, "a number without a `format`", "such as `int32`, `int64`, `double`");
            }
        });
    }
}

fn header_parameters(lint: &Lint<'_, '_>, rule: &str) {
    for parameter in lint.operations.iter().flat_map(|operation| &operation.parameters) {
        let is_reserved = HeaderName::try_from(&*parameter.parts.name).is_ok_and(|name| described::is_reserved(&name));
        if parameter.parts.location == Location::Header && is_reserved {
            let hint = "it is said by `security` and by `content`, and means nothing here";
            lint.tell(rule, &parameter.pointer, format!("`{}` is no parameter", parameter.parts.name), hint);
        }
    }
}

/// What stands in an address is logged by everybody on the way.
fn telling_names(lint: &Lint<'_, '_>, rule: &str) {
    for parameter in lint.operations.iter().flat_map(|operation| &operation.parameters) {
        let name = parameter.parts.name.to_ascii_lowercase().replace(['-', '_'], "");
        let is_secret = ["password", "secret", "apikey"].iter().any(|secret| name.contains(secret));
        if is_secret && matches!(parameter.parts.location, Location::Query | Location::Path) {
            lint.tell(
                rule,
                &parameter.pointer,
                format!("`{}` is a secret in an address", parameter.parts.name),
                "send it in a header or a body",
            );
        }
    }
}

fn get_without_body(lint: &Lint<'_, '_>, rule: &str) {
    for operation in lint.operations.iter().filter(|operation| matches!(operation.method, Method::GET | Method::HEAD)) {
        if operation.body.is_some() {
            lint.tell(rule, &child(&operation.pointer, "requestBody"), "a GET has no body", "make it parameters, or a POST");
        }
    }
}

fn patch_media_type(lint: &Lint<'_, '_>, rule: &str) {
    for operation in lint.operations.iter().filter(|operation| operation.method == Method::PATCH) {
        match &operation.body {
            None => lint.tell(rule, &operation.pointer, "a PATCH without a body", "say with what a resource is changed"),
            Some(body) => {
                for media in body.content.iter().filter(|media| is_named(media, "application/json")) {
                    let at = child(&child(&operation.pointer, "requestBody"), "content");
                    let hint = "such as `application/merge-patch+json` (RFC 7396)";
                    lint.tell(rule, &child(&at, &media.name), "`application/json` does not say how it changes a resource", hint);
                }
            }
        }
    }
}

fn no_content(lint: &Lint<'_, '_>, rule: &str) {
    for (_, answer) in lint.answers().filter(|(_, answer)| matches!(answer.status, StatusKey::Code(204 | 205))) {
        if !answer.content.is_empty() {
            lint.tell(rule, &answer.pointer, "an answer of this status has no content", "take `content` out (RFC 9110 §15.3.5)");
        }
    }
}

fn problem_details(lint: &Lint<'_, '_>, rule: &str) {
    let is_problem = |media: &DescribedMedia| is_named(media, "application/problem+json") || is_named(media, "application/problem+xml");
    for (_, answer) in lint.answers().filter(|(_, answer)| answer.status.may_be_error()) {
        if !answer.content.is_empty() && !answer.content.iter().any(is_problem) {
            lint.tell(rule, &answer.pointer, "an error that is no problem", "answer `application/problem+json` (RFC 9457)");
        }
    }
}

/// One who is told to wait is told how long (RAC_ROBUSTEZZA_001).
fn rate_limit(lint: &Lint<'_, '_>, rule: &str) {
    for (_, answer) in lint.answers().filter(|(_, answer)| answer.status == StatusKey::Code(429)) {
        let has = |name: &str| answer.headers.iter().any(|header| header.parts.name.eq_ignore_ascii_case(name));
        let limits = ["Limit", "Remaining", "Reset"];
        let is_complete = ["X-RateLimit", "RateLimit"].iter().any(|prefix| limits.iter().all(|limit| has(&format!("{prefix}-{limit}"))));
        if !has("Retry-After") || !is_complete {
            let hint = "`Retry-After`, `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`";
            lint.tell(rule, &answer.pointer, "429 without the headers that belong to it", hint);
        }
    }
}

/// Every API says whether it lives (RAC_REST_NAME_011).
fn status(lint: &Lint<'_, '_>, rule: &str) {
    let hint = "`GET /status` answers 200 with `application/problem+json` (or `application/json`)";
    let own = lint.operations.iter().find(|operation| operation.template == STATUS && operation.method == Method::GET);
    let Some(own) = own else { return lint.tell(rule, "/paths", "there is no `GET /status`", hint) };
    let lives = own.answers.iter().find(|answer| answer.status == StatusKey::Code(200));
    let is_told = |answer: &DescribedAnswer| {
        answer.content.iter().any(|media| is_named(media, "application/json") || is_named(media, "application/problem+json"))
    };
    if !lives.is_some_and(is_told) {
        lint.tell(rule, &own.pointer, "`/status` does not say that all is well", hint);
    }
}

fn security_schemes(lint: &Lint<'_, '_>, rule: &str) {
    let components = lint.source.root().get("components").unwrap_or(&Value::Null);
    for (_, _, pointer) in lint.source.members(components, "/components", "securitySchemes") {
        let Some((at, scheme)) = lint.source.follow(&pointer) else { continue };
        let text = |name: &str| scheme.get(name).and_then(Value::as_str).unwrap_or_default();
        let tell = |message: &str, hint: &str| lint.tell(rule, &at, message, hint);
        if matches!(text("type"), "http" | "oauth2") && text("description").is_empty() {
            tell("this security scheme is not described", "say what token it is and how it is verified: RFC 8725");
        }
        if text("type") == "http" && text("scheme").eq_ignore_ascii_case("basic") {
            tell("names and passwords are not to be sent", "take a token: `scheme: bearer`");
        }
        if text("type") == "apiKey" && matches!(text("in"), "query" | "cookie") {
            tell("a key does not stand in an address or in a cookie", "`in: header`");
        }
        for flow in ["implicit", "password"] {
            if scheme.get("flows").is_some_and(|flows| flows.get(flow).is_some()) {
                tell(&format!("the flow `{flow}` is not to be used"), "`authorizationCode` or `clientCredentials` (RFC 9700 §2.1.2, §2.4)");
            }
        }
    }
}

fn protected_methods(lint: &Lint<'_, '_>, rule: &str) {
    for operation in lint.operations.iter().filter(|operation| !is_safe(&operation.method)) {
        if operation.security.as_ref().is_none_or(Promise::is_open) {
            lint.tell(
                rule,
                &operation.pointer,
                format!("anybody may {} here", operation.method),
                "say under `security` what callers have to show",
            );
        }
    }
}

fn examples_of_answers(lint: &Lint<'_, '_>, rule: &str) {
    for (number, operation) in lint.operations.iter().enumerate() {
        for answer in &operation.answers {
            let StatusKey::Code(code) = answer.status else { continue };
            let Ok(status) = StatusCode::from_u16(code) else { continue };
            let of_answer =
                |headers: &HeaderMap, body: Bytes| match lint.contract.check_answer(number, status, headers, Payload::Held(body)) {
                    AnswerCheck::Drifts { drift: Drift::Invalid(violations), .. } => violations,
                    _ => Vec::new(),
                };
            answer.content.iter().for_each(|media| examples(lint, rule, media, &of_answer));
        }
    }
}

fn examples_of_requests(lint: &Lint<'_, '_>, rule: &str) {
    for (number, operation) in lint.operations.iter().enumerate() {
        let of_request = |headers: &HeaderMap, body: Bytes| lint.contract.check_request_body(number, headers, body);
        operation.body.iter().flat_map(|body| &body.content).for_each(|media| examples(lint, rule, media, &of_request));
    }
}

/// Holds the examples of a JSON media type against its schema.
fn examples(lint: &Lint<'_, '_>, rule: &str, media: &DescribedMedia, check: &dyn Fn(&HeaderMap, Bytes) -> Vec<Violation>) {
    let Some(at) = media.schema.as_deref().and_then(|schema| schema.strip_suffix("/schema")) else { return };
    let named = lint.source.at(&child(at, "examples")).and_then(Value::as_object).into_iter().flatten();
    let named = named.filter_map(|(name, _)| {
        let (at, example) = lint.source.follow(&child(&child(at, "examples"), name))?;
        // `dataValue` is its name from OpenAPI 3.2 on, beside the older one.
        ["value", "dataValue"].into_iter().find_map(|name| Some((child(&at, name), example.get(name)?)))
    });
    let one = lint.source.at(&child(at, "example")).map(|value| (child(at, "example"), value));
    let Ok(name) = HeaderValue::from_str(&media.name) else { return };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, name)]);
    for (at, value) in one.into_iter().chain(named).filter(|_| media.range.is_json()) {
        let broken = check(&headers, Bytes::from(value.to_string()));
        let broken: Vec<String> = broken.iter().map(Violation::to_string).collect();
        if !broken.is_empty() {
            lint.tell(rule, &at, format!("the example breaks its schema: {}", broken.join("; ")), "whoever tries it out believes it");
        }
    }
}

fn is_named(media: &DescribedMedia, name: &str) -> bool {
    MediaRange::parse(name).is_some_and(|named| named == media.range)
}

/// Every mapping of a document that is none of an example's.
fn walk(value: &Value, at: &str, each: &mut dyn FnMut(&Value, &str)) {
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| walk(item, &format!("{at}/{n}"), each)),
        Value::Object(members) => {
            each(value, at);
            // Where names are anybody's, they say nothing.
            let around = at.rsplit('/').next().unwrap_or_default();
            let is_named = matches!(
                around,
                "properties"
                    | "patternProperties"
                    | "responses"
                    | "schemas"
                    | "$defs"
                    | "definitions"
                    | "headers"
                    | "parameters"
                    | "mediaTypes"
                    | "additionalOperations"
            );
            let is_passed = |name: &str| {
                let is_value = matches!(name, "example" | "examples" | "default" | "enum" | "const" | "dependentRequired");
                (is_value || name.starts_with("x-")) && !is_named
            };
            let inner = members.iter().filter(|(name, _)| !is_passed(name));
            inner.for_each(|(name, value)| walk(value, &child(at, name), each));
        }
        _ => {}
    }
}
