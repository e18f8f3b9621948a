//! What an integrator writes of a mapping, read but not yet held against the WSDL.

use std::cell::RefCell;
use std::path::Path;

use adapter_api::document::{Fault, Faults, Key, Place, Scalar, Section, Tree, Value};

use crate::plan::Leniency;
use crate::schema::Numbers;

/// A mapping file.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) numbers: Numbers,
    pub(crate) leniency: Leniency,
    pub(crate) exposed: Exposed,
    pub(crate) operations: Vec<OperationMapping>,
}

/// What of a fault's own content its problem tells the caller. Either may hold a person's data (a codice fiscale that was not
/// found), and a reason the inner life of the upstream besides, so that both are told only where the mapping says so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Exposed {
    /// `expose_fault_string`: the fault's reason, as the problem's `detail`.
    pub(crate) reason: bool,
    /// `expose_fault_detail`: the typed detail of a declared fault, as the problem's member `fault`.
    pub(crate) detail: bool,
}

/// What a mapping says of one operation of the contract.
#[derive(Debug)]
pub(crate) struct OperationMapping {
    pub(crate) id: String,
    pub(crate) place: Place,
    pub(crate) soap: Option<(String, Place)>,
    pub(crate) request: Vec<Line>,
    pub(crate) response: Option<(String, Place)>,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) headers: Vec<HeaderRule>,
    pub(crate) error_when: Option<ErrorRule>,
}

/// One line of `request`: where a value comes from and which element it becomes.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) source: String,
    /// None where the value is left out on purpose.
    pub(crate) target: Option<String>,
    pub(crate) place: Place,
}

/// How a fault is answered.
#[derive(Debug)]
pub(crate) struct FaultRule {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) problem: ProblemRule,
}

/// The problem that a fault or an error in an answer becomes.
#[derive(Clone, Debug)]
pub(crate) struct ProblemRule {
    pub(crate) status: Option<u16>,
    pub(crate) kind: Option<String>,
    pub(crate) title: Option<String>,
}

/// What stands in a SOAP header.
#[derive(Debug)]
pub(crate) struct HeaderRule {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// None where the header is left out on purpose.
    pub(crate) value: Option<String>,
}

/// An answer that says in its content that it failed.
#[derive(Debug)]
pub(crate) struct ErrorRule {
    pub(crate) path: String,
    pub(crate) equals: String,
    pub(crate) problem: ProblemRule,
    pub(crate) place: Place,
}

impl Mapping {
    /// Reads a mapping file.
    pub(crate) fn read(path: &Path, faults: &RefCell<Faults>) -> Option<Self> {
        let tree = faults.borrow_mut().keep(Tree::read(path))?;
        let root = Section::open(&tree.file, &tree.root, "mapping", faults)?;
        let mut mapping = Self {
            numbers: root.choice("numbers", &[("string", Numbers::Text), ("number", Numbers::Number)]).unwrap_or_default(),
            exposed: Exposed {
                reason: root.flag("expose_fault_string").unwrap_or_default(),
                detail: root.flag("expose_fault_detail").unwrap_or_default(),
            },
            ..Self::default()
        };
        let unknown = root.choice("unknown_elements", &[("refuse", false), ("drop", true)]);
        mapping.leniency.drop_unknown = unknown.unwrap_or_default();
        for (kind, place) in root.texts("empty_as_absent") {
            match kind {
                "number" => mapping.leniency.empty_number_absent = true,
                "date" => mapping.leniency.empty_date_absent = true,
                _ => root.report(Fault::error(place, "`empty_as_absent` lists `number` and `date`")),
            }
        }
        mapping.operations = root.named_sections("operations").into_iter().map(|(key, section)| operation(key, &section)).collect();
        Some(mapping)
    }
}

fn operation(key: &Key, section: &Section<'_>) -> OperationMapping {
    let placed = |name: &'static str| section.text(name).map(|text| (text.to_owned(), section.place(name)));
    OperationMapping {
        id: key.text.clone(),
        place: Place::at(section.file(), key.position),
        soap: placed("soap"),
        request: request(section),
        response: placed("response"),
        faults: section.named_sections("faults").into_iter().map(|(key, section)| fault(key, &section)).collect(),
        headers: section.named_sections("soap_headers").into_iter().filter_map(|(key, section)| header(key, &section)).collect(),
        error_when: section.section("error_when").and_then(|section| error(&section)),
    }
}

/// The keys are names that the contract chose, so that they are read as pairs.
fn request(section: &Section<'_>) -> Vec<Line> {
    let Some(node) = section.node("request") else { return Vec::new() };
    if !matches!(node.value, Value::Mapping(_)) {
        let message = format!("`{}.request` should be a mapping, but is {}", section.name(), node.kind());
        section.report(Fault::error(section.place("request"), message));
    }
    let mut lines = Vec::new();
    for (key, node) in node.pairs() {
        let place = Place::at(section.file(), key.position);
        let target = match &node.value {
            Value::Scalar(Scalar::Null) => None,
            Value::Scalar(Scalar::String(text)) => Some(text.clone()),
            _ => {
                let message = format!("`{}` needs the path of an element, or `null` to leave it out", key.text);
                section.report(Fault::error(place, message));
                continue;
            }
        };
        lines.push(Line { source: key.text.clone(), target, place });
    }
    lines
}

fn fault(key: &Key, section: &Section<'_>) -> FaultRule {
    FaultRule { name: key.text.clone(), place: Place::at(section.file(), key.position), problem: problem(section) }
}

fn problem(section: &Section<'_>) -> ProblemRule {
    let status = section.count("status").and_then(|status| {
        let legal = (400..600).contains(&status);
        if !legal {
            section.report(Fault::error(section.place("status"), "a problem's status lies between 400 and 599"));
        }
        legal.then_some(status as u16)
    });
    let owned = |key: &'static str| section.text(key).map(str::to_owned);
    ProblemRule { status, kind: owned("type"), title: owned("title") }
}

fn header(key: &Key, section: &Section<'_>) -> Option<HeaderRule> {
    let place = Place::at(section.file(), key.position);
    let value = section.text("value").map(str::to_owned);
    let omit = section.flag("omit").unwrap_or_default();
    if value.is_some() == omit {
        section.report(Fault::error(place, format!("`{}` needs either `value` or `omit: true`", section.name())));
        return None;
    }
    Some(HeaderRule { name: key.text.clone(), place, value })
}

fn error(section: &Section<'_>) -> Option<ErrorRule> {
    let (path, equals) = (section.required_text("path"), section.required_text("equals"));
    let problem = problem(section);
    if problem.status.is_none() {
        section.report(Fault::error(section.here(), format!("`{}` needs `status`", section.name())));
    }
    Some(ErrorRule { path: path?.to_owned(), equals: equals?.to_owned(), problem, place: section.place("path") })
}
