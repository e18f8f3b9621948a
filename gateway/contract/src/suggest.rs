//! What would have to be written into a document for what an upstream really sends: advice for whoever keeps it, and actions of an
//! Overlay that would make it so (OpenAPI Overlay 1.0.0 §4.4).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use document::{Faults, unescaped};
use serde_json::{Map, Value, json};

use crate::described::{self, Described, DescribedAnswer, StatusKey};
use crate::documents::Documents;
use crate::drift::{Finding, MISSING_BODY, NOT_JSON, UNDOCUMENTED_BODY, UNDOCUMENTED_MEDIA_TYPE, UNDOCUMENTED_STATUS, unquoted};
use crate::keywords::of_same_value;
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
    let operation = |id: &str| described.iter().find(|operation| *operation.id == *id);
    let locator = Locator { source: &source };
    let located: Vec<Option<Located>> =
        findings.iter().map(|(id, finding)| locator.locate(answer(operation(id)?, finding.status)?, finding)).collect();
    // One schema is changed once, whatever comes against it.
    let mut types: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (located, (_, finding)) in located.iter().zip(findings).filter(|(_, (_, finding))| &*finding.rule == "type") {
        if let (Some(located), Some(found)) = (located, finding.found.as_deref()) {
            types.entry(&located.at).or_default().insert(found);
        }
    }
    let mender = Mender { source: &source, version, types };
    let suggestion =
        |((id, finding), located): (&(&str, &Finding), &Option<Located>)| mender.suggestion(operation(id)?, finding, located.as_ref());
    findings.iter().zip(&located).map(suggestion).collect()
}

/// An Overlay with these actions.
pub fn overlay(title: &str, actions: &[Value]) -> Value {
    json!({ "overlay": "1.0.0", "info": { "title": title, "version": "1" }, "actions": actions })
}

/// What a finding is about.
struct Located {
    /// The schema or the header that forbids what came.
    at: String,
    /// The member that is missing.
    member: Option<String>,
    /// Whether it is a header that is missing as a whole.
    is_header: bool,
}

/// Advice and actions.
type Mended = (String, Vec<Value>);

struct Mender<'m, 'a> {
    source: &'m Source<'a>,
    version: Version,
    /// The types that came against each schema.
    types: BTreeMap<&'m str, BTreeSet<&'m str>>,
}

impl Mender<'_, '_> {
    fn suggestion(&self, operation: &Described, finding: &Finding, located: Option<&Located>) -> Option<Suggestion> {
        let found = finding.found.as_deref();
        let told = |at: &str, (advice, actions): Mended| Some(Suggestion { place: self.source.place(at), advice, actions });
        let only = |advice: &str| (advice.to_owned(), Vec::new());
        let Some(answer) = answer(operation, finding.status) else {
            let at = child(&operation.pointer, "responses");
            let (advice, answer) = described_status(finding.status, found);
            return told(&at, (advice, self.update(&at, &answer)));
        };
        match &*finding.rule {
            // It is described by now.
            UNDOCUMENTED_STATUS => None,
            UNDOCUMENTED_MEDIA_TYPE | UNDOCUMENTED_BODY => {
                let Some(media) = found else { return told(&answer.pointer, only("the body has no media type, or none that can be read")) };
                let said = MediaType::parse(media)?;
                if answer.content.iter().any(|listed| listed.range.takes(&said)) {
                    return None;
                }
                let actions = self.update(&answer.pointer, &json!({ "content": { media: {} } }));
                told(&answer.pointer, (format!("list `{media}` under `content`"), actions))
            }
            MISSING_BODY => told(&answer.pointer, only("no body comes, and a document cannot say that one may be missing")),
            NOT_JSON => told(&answer.pointer, only("what comes is not readable as JSON: another media type, or the upstream's fault")),
            rule => {
                let located = located?;
                told(&located.at, self.mended(located, rule, found))
            }
        }
    }

    fn mended(&self, Located { at, member, is_header }: &Located, rule: &str, found: Option<&str>) -> Mended {
        match member {
            _ if *is_header => {
                ("not every answer has this header: `required: false`".into(), self.update(at, &json!({ "required": false })))
            }
            Some(member) if self.source.at(at).is_some_and(|schema| depends(schema, member)) => {
                (format!("`{member}` does not always come where another member does: take it out of `dependentRequired`"), Vec::new())
            }
            Some(member) => {
                let required = child(at, "required");
                let target = format!("{}[?@ == {}]", self.json_path(&required), quoted(member));
                (format!("`{member}` does not always come: take it out of `required`"), Self::remove(&required, &target))
            }
            None => self.loosened(at, rule, found),
        }
    }

    /// A schema without what a keyword of it forbids.
    fn loosened(&self, at: &str, rule: &str, found: Option<&str>) -> Mended {
        let remove = |keyword: &str| Self::remove(&child(at, keyword), &self.json_path(&child(at, keyword)));
        match (rule, found) {
            ("type", Some("null")) if !self.version.is_of_2020_12() => {
                ("null comes too: `nullable: true`".into(), self.update(at, &json!({ "nullable": true })))
            }
            ("type", Some(found)) if self.version.is_of_2020_12() => {
                let mut types = match self.source.at(at).and_then(|schema| schema.get("type")) {
                    Some(Value::Array(types)) => types.clone(),
                    other => other.into_iter().cloned().collect(),
                };
                types.extend(self.types.get(at).into_iter().flatten().map(|found| Value::from(*found)));
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
            let name = unescaped(token);
            path += &if is_list { format!("[{name}]") } else { format!("[{}]", quoted(&name)) };
            at = format!("{at}/{token}");
        }
        path
    }
}

/// Finds what in a document forbids what came.
struct Locator<'m, 'a> {
    source: &'m Source<'a>,
}

impl Locator<'_, '_> {
    /// What a finding is about that names a place in a body or a header; `None` where nothing forbids it any more.
    fn locate(&self, answer: &DescribedAnswer, Finding { rule, found, place, .. }: &Finding) -> Option<Located> {
        let place = place.as_deref()?;
        let (roots, way) = if let Some(place) = place.strip_prefix("body") {
            (answer.content.iter().filter_map(|media| media.schema.clone()).collect(), place.trim_start_matches(':'))
        } else {
            let place = place.strip_prefix("header.")?;
            let (name, way) = place.split_at(place.find('/').unwrap_or(place.len()));
            let header = answer.headers.iter().find(|header| header.parts.name.eq_ignore_ascii_case(name))?;
            if &**rule == "required" && way.is_empty() {
                return header.parts.required.then(|| Located { at: header.pointer.clone(), member: None, is_header: true });
            }
            (header.schema.iter().cloned().collect(), way)
        };
        let mut tokens: Vec<String> = way.split('/').skip(1).map(|token| unescaped(unquoted(token)).into_owned()).collect();
        // What is missing is missing from the value around it.
        let member = if &**rule == "required" { tokens.pop() } else { None };
        let schemas = tokens.iter().fold(self.alternatives(roots), |schemas, token| self.down(&schemas, token));
        let asks = |at: &String| self.source.at(at).is_some_and(|schema| forbids(schema, rule, member.as_deref(), found.as_deref()));
        let at = schemas.into_iter().find(asks)?;
        Some(Located { at, member, is_header: false })
    }

    /// The schemas of the same value, references followed.
    fn alternatives(&self, from: Vec<String>) -> BTreeSet<String> {
        let (mut found, mut open) = (BTreeSet::new(), from);
        while let Some(at) = open.pop() {
            let Some(schema) = self.source.at(&at).filter(|_| found.insert(at.clone())) else { continue };
            let reference = schema.get("$ref").and_then(Value::as_str);
            open.extend(reference.and_then(|reference| self.source.leads_to(reference, &at)));
            open.extend(of_same_value(schema).into_iter().map(|within| format!("{at}{within}")));
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

/// Whether a member has to be there once another is.
fn depends(schema: &Value, member: &str) -> bool {
    let dependent = schema.get("dependentRequired").and_then(Value::as_object);
    dependent.is_some_and(|dependent| dependent.values().any(|names| holds(names, member)))
}

/// Whether a schema still says what is broken.
fn forbids(schema: &Value, rule: &str, member: Option<&str>, found: Option<&str>) -> bool {
    if found == Some("null") && schema.get("nullable") == Some(&Value::Bool(true)) {
        return false;
    }
    if let Some(member) = member.filter(|_| rule == "required")
        && depends(schema, member)
    {
        return true;
    }
    schema.get(rule).is_some_and(|keyword| match (member, found) {
        (Some(member), _) => holds(keyword, member),
        (None, Some(found)) => !holds(keyword, found),
        (None, None) => *keyword != Value::Bool(true),
    })
}

fn answer(operation: &Described, status: u16) -> Option<&DescribedAnswer> {
    StatusKey::closest(&operation.answers, status, |answer| answer.status)
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
