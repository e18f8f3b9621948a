//! What would have to be written into a document for what an upstream really sends: advice for whoever keeps it, and actions of an
//! Overlay that would make it so (OpenAPI Overlay 1.0.0 §4.4).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use document::Faults;
use serde_json::{Map, Value, json};

use crate::described::{self, Described, DescribedAnswer, StatusKey};
use crate::documents::Documents;
use crate::drift::{Finding, UNDOCUMENTED_BODY, UNDOCUMENTED_MEDIA_TYPE, UNDOCUMENTED_STATUS};
use crate::media::MediaType;
use crate::source::{Source, child};
use crate::version::Version;

/// What a finding asks of the document.
#[derive(Debug)]
pub struct Suggestion {
    /// Where.
    pub place: document::Place,
    /// What to write there, in words.
    pub advice: String,
    /// The actions of an Overlay of the first document that would do it; none where somebody has to decide, or another file is to change.
    pub actions: Vec<Value>,
}

/// What each of these findings, told with the id of its operation, asks of the document; `None` where it asks nothing any more.
pub fn suggest(documents: &Documents, findings: &[(&str, &Finding)]) -> Vec<Option<Suggestion>> {
    let faults = RefCell::new(Faults::new());
    let source = Source::new(documents, &faults);
    let Some(version) = Version::of(&source) else { return findings.iter().map(|_| None).collect() };
    let described = described::operations(&source, version);
    let mender = Mender { source: &source, version, found: RefCell::default() };
    let operation = |id: &str| described.iter().find(|operation| *operation.id == *id);
    // One schema is changed once, whatever comes against it.
    for (id, finding) in findings.iter().filter(|(_, finding)| &*finding.rule == "type") {
        if let (Some(operation), Some(found)) = (operation(id), finding.found.as_deref())
            && let Some(at) = mender.place_of(operation, finding)
        {
            mender.found.borrow_mut().entry(at).or_default().insert(found.to_owned());
        }
    }
    findings.iter().map(|(id, finding)| mender.suggestion(operation(id)?, finding)).collect()
}

/// An Overlay with these actions.
pub fn overlay(title: &str, actions: &[Value]) -> Value {
    json!({ "overlay": "1.0.0", "info": { "title": title, "version": "1" }, "actions": actions })
}

struct Mender<'m, 'a> {
    source: &'m Source<'a>,
    version: Version,
    /// The types that came against each schema.
    found: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

/// Advice and actions.
type Mended = (String, Vec<Value>);

impl Mender<'_, '_> {
    /// The schema that a finding of a wrong type is about.
    fn place_of(&self, operation: &Described, finding: &Finding) -> Option<String> {
        let answer = answer(operation, finding.status)?;
        self.broken(answer, &finding.rule, finding.found.as_deref(), finding.place.as_deref()?).map(|(at, _)| at)
    }

    fn suggestion(&self, operation: &Described, finding: &Finding) -> Option<Suggestion> {
        let found = finding.found.as_deref();
        let told = |at: &str, (advice, actions): Mended| Some(Suggestion { place: self.source.place(at), advice, actions });
        if &*finding.rule == UNDOCUMENTED_STATUS {
            if answer(operation, finding.status).is_some() {
                return None;
            }
            let at = child(&operation.pointer, "responses");
            let (advice, answer) = described_status(finding.status, found);
            return told(&at, (advice, self.update(&at, &answer)));
        }
        let answer = answer(operation, finding.status)?;
        match &*finding.rule {
            UNDOCUMENTED_MEDIA_TYPE | UNDOCUMENTED_BODY => {
                let Some(media) = found else {
                    return told(&answer.pointer, ("the body has no media type, or none that can be read".into(), Vec::new()));
                };
                let said = MediaType::parse(media)?;
                if answer.content.iter().any(|listed| listed.range.takes(&said)) {
                    return None;
                }
                let mended =
                    (format!("list `{media}` under `content`"), self.update(&answer.pointer, &json!({ "content": { media: {} } })));
                told(&answer.pointer, mended)
            }
            "missing-body" => {
                told(&answer.pointer, ("no body comes, and a document cannot say that one may be missing".into(), Vec::new()))
            }
            "not-json" => told(
                &answer.pointer,
                ("what comes is not readable as JSON: another media type, or the upstream's fault".into(), Vec::new()),
            ),
            rule => self.broken(answer, rule, found, finding.place.as_deref()?).and_then(|(at, mended)| told(&at, mended)),
        }
    }

    /// What would mend a rule that a body or a header breaks, and where.
    fn broken(&self, answer: &DescribedAnswer, rule: &str, found: Option<&str>, place: &str) -> Option<(String, Mended)> {
        let (roots, way) = if let Some(place) = place.strip_prefix("body") {
            let schemas = answer.content.iter().filter_map(|media| media.schema.clone()).collect();
            (schemas, place.trim_start_matches(':'))
        } else {
            let place = place.strip_prefix("header.")?;
            let (name, way) = place.split_at(place.find('/').unwrap_or(place.len()));
            let header = answer.headers.iter().find(|header| header.parts.name.eq_ignore_ascii_case(name))?;
            if rule == "required" && way.is_empty() {
                if !header.parts.required {
                    return None;
                }
                let advice = "not every answer has this header: `required: false`".to_owned();
                return Some((header.pointer.clone(), (advice, self.update(&header.pointer, &json!({ "required": false })))));
            }
            (header.schema.iter().cloned().collect(), way)
        };
        let mut tokens: Vec<String> = way.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        // What is missing is missing from the value around it.
        let member = if rule == "required" { tokens.pop() } else { None };
        let schemas = tokens.iter().fold(self.alternatives(roots), |schemas, token| self.down(&schemas, token));
        let asks = |at: &&String| {
            let schema = self.source.at(at);
            if found == Some("null") && schema.is_some_and(|schema| schema.get("nullable") == Some(&Value::Bool(true))) {
                return false;
            }
            schema.and_then(|schema| schema.get(rule)).is_some_and(|keyword| match (&member, found) {
                (Some(member), _) => holds(keyword, member),
                (None, Some(found)) => !holds(keyword, found),
                (None, None) => *keyword != Value::Bool(true),
            })
        };
        let at = schemas.iter().find(asks)?;
        let mended = match member {
            Some(member) => {
                let target = format!("{}[?@ == {}]", self.json_path(&child(at, "required")), quoted(&member));
                (format!("`{member}` does not always come: take it out of `required`"), Self::remove(&child(at, "required"), &target))
            }
            None => self.loosened(at, rule, found),
        };
        Some((at.clone(), mended))
    }

    /// A schema without what a keyword of it forbids.
    fn loosened(&self, at: &str, rule: &str, found: Option<&str>) -> Mended {
        let remove = |keyword: &str| Self::remove(&child(at, keyword), &self.json_path(&child(at, keyword)));
        match (rule, found) {
            ("type", Some("null")) if self.version == Version::V30 => {
                ("null comes too: `nullable: true`".into(), self.update(at, &json!({ "nullable": true })))
            }
            ("type", Some(found)) if self.version != Version::V30 => {
                let mut types = match self.source.at(at).and_then(|schema| schema.get("type")) {
                    Some(Value::Array(types)) => types.clone(),
                    other => other.into_iter().cloned().collect(),
                };
                let all = self.found.borrow();
                match all.get(at) {
                    Some(all) => types.extend(all.iter().map(|found| found.as_str().into())),
                    None => types.push(found.into()),
                }
                let actions = [remove("type"), self.update(at, &json!({ "type": types }))].concat();
                (format!("{found} comes too: `type: {}`", Value::from(types)), actions)
            }
            ("type", found) => (format!("{} comes: another `type`, or none", found.unwrap_or("another")), remove("type")),
            ("additionalProperties" | "unevaluatedProperties" | "unevaluatedItems", _) => {
                let advice = format!("more comes than is described, whose names records do not tell: describe it, or `{rule}: true`");
                (advice, self.update(at, &Map::from_iter([(rule.to_owned(), Value::Bool(true))]).into()))
            }
            ("enum" | "const", _) => ("other values come: list them".into(), Vec::new()),
            ("oneOf" | "anyOf" | "not" | "discriminator" | "contains" | "false" | "propertyNames" | "$ref", _) => {
                (format!("what comes does not match `{rule}`: ask for an example"), Vec::new())
            }
            (rule, _) => (format!("what comes breaks `{rule}`: another bound, or none"), remove(rule)),
        }
    }

    fn update(&self, at: &str, value: &Value) -> Vec<Value> {
        if is_in_first(at) { vec![json!({ "target": self.json_path(at), "update": value })] } else { Vec::new() }
    }

    fn remove(at: &str, target: &str) -> Vec<Value> {
        if is_in_first(at) { vec![json!({ "target": target, "remove": true })] } else { Vec::new() }
    }

    /// A pointer as a JSONPath (RFC 9535 §2.3).
    fn json_path(&self, pointer: &str) -> String {
        let (mut path, mut at) = ("$".to_owned(), String::new());
        for token in pointer.split('/').skip(1) {
            let is_list = self.source.at(&at).is_some_and(Value::is_array);
            let name = token.replace("~1", "/").replace("~0", "~");
            path += &if is_list { format!("[{name}]") } else { format!("[{}]", quoted(&name)) };
            at = format!("{at}/{token}");
        }
        path
    }

    /// The schemas of the same value, references followed.
    fn alternatives(&self, from: Vec<String>) -> BTreeSet<String> {
        let (mut found, mut open) = (BTreeSet::new(), from);
        while let Some(at) = open.pop() {
            let Some(schema) = self.source.at(&at).filter(|_| found.insert(at.clone())) else { continue };
            let reference = schema.get("$ref").and_then(Value::as_str);
            open.extend(reference.and_then(|reference| self.source.leads_to(reference, &at)));
            for keyword in ["allOf", "anyOf", "oneOf"] {
                let branches = schema.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
                open.extend((0..branches).map(|n| format!("{at}/{keyword}/{n}")));
            }
            open.extend(["then", "else"].iter().filter(|keyword| schema.get(keyword).is_some()).map(|keyword| child(&at, keyword)));
        }
        found
    }

    /// The schemas of a member or an item; `*` is any.
    fn down(&self, schemas: &BTreeSet<String>, token: &str) -> BTreeSet<String> {
        let mut found = Vec::new();
        for at in schemas {
            let Some(schema) = self.source.at(at) else { continue };
            let has = |keyword: &str, name: &str| schema.get(keyword).is_some_and(|named| named.get(name).is_some());
            if has("properties", token) {
                found.push(child(&child(at, "properties"), token));
                continue;
            }
            let one = ["items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems"];
            found.extend(one.iter().filter(|keyword| schema.get(keyword).is_some_and(Value::is_object)).map(|keyword| child(at, keyword)));
            let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
            found.extend(patterns.map(|(pattern, _)| child(&child(at, "patternProperties"), pattern)));
            let prefix = schema.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
            found.extend((0..prefix).map(|n| format!("{at}/prefixItems/{n}")));
        }
        self.alternatives(found)
    }
}

/// The answer that is described for a status: its own, its class's, the default.
fn answer(operation: &Described, status: u16) -> Option<&DescribedAnswer> {
    let find = |key| operation.answers.iter().find(|answer| answer.status == key);
    find(StatusKey::Code(status)).or_else(|| find(StatusKey::Range(status / 100))).or_else(|| find(StatusKey::Default))
}

/// The answer of a status that is not described yet, as advice and as a member of `responses`.
fn described_status(status: u16, media: Option<&str>) -> (String, Value) {
    let content = media.map(|media| json!({ media: {} }));
    let mut answer = json!({ "description": "Sent by the upstream, and not described before." });
    if let (Some(content), Some(answer)) = (content, answer.as_object_mut()) {
        answer.insert("content".into(), content);
    }
    let with = media.map(|media| format!(" with `{media}`")).unwrap_or_default();
    (format!("describe the status {status}{with}"), Map::from_iter([(status.to_string(), answer)]).into())
}

/// Whether a keyword's value is this word, or a list that has it.
fn holds(keyword: &Value, word: &str) -> bool {
    keyword == word || keyword.as_array().is_some_and(|words| words.iter().any(|known| known == word))
}

/// An Overlay changes one document.
fn is_in_first(pointer: &str) -> bool {
    pointer.is_empty() || pointer.starts_with('/')
}

fn quoted(name: &str) -> String {
    let escaped = name.chars().map(|symbol| match symbol {
        '\\' | '\'' => format!("\\{symbol}"),
        symbol if symbol.is_control() => format!("\\u{:04x}", u32::from(symbol)),
        symbol => symbol.to_string(),
    });
    format!("'{}'", escaped.collect::<String>())
}
