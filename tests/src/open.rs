use std::path::Path;

use serde_json::Value;

use crate::{Answer, Gateway, Scene, repository};

/// What no refusal may say, in body or header: addresses, names of parts, and what a department's own pages and faults say.
const INTERNAL: [&str; 14] = [
    "127.0.0.1",
    "localhost",
    "hyper",
    "os error",
    "onnection refused",
    "panick",
    "java.",
    "Servlet",
    "ORA-",
    "10.20.30.40",
    "spyne",
    "DOCTYPE",
    "/ws/",
    ".rs:",
];

impl Scene {
    /// A gateway before these e-services (from [`open`]), with one plain listener `pdnd` and an admin listener.
    pub fn gateway_of(&self, workers: u8, eservices: &[String]) -> Gateway {
        let head = self.head().replace("workers: 2", &format!("workers: {workers}"));
        let listeners = "admin: { address: \"127.0.0.1:0\" }\nlisteners:\n  pdnd: { address: \"127.0.0.1:0\" }\n";
        Gateway::start(self.path(), &format!("{head}{listeners}eservices:\n{}", eservices.concat()))
    }

    /// The one record of the exchange that an answer belongs to.
    pub fn record_of(&self, answer: &Answer) -> Value {
        let records = self.records(answer.header("varco-exchange").unwrap_or_else(|| panic!("no exchange: {answer:?}")));
        assert_eq!(records.len(), 1, "one record an exchange: {records:?}");
        records[0].clone()
    }
}

/// An e-service that asks no proof of its callers, as an item of `eservices`: its name is its base path. Files are named from
/// the root of the repository; `more` is further lines, indented by four.
pub fn open(name: &str, contract: &str, adapter: &str, more: &str) -> String {
    let root = repository();
    let adapter = adapter.replace("{root}", &root.display().to_string());
    let contract = root.join(contract);
    let contract = contract.display();
    format!(
        "  {name}:\n    direction: inbound\n    listener: pdnd\n    base_path: /{name}\n    contract: {contract}\n\
         \x20   security: [open]\n    acknowledge: [open]\n    adapter: {adapter}\n{more}"
    )
}

/// A copy of the sandbox's document that promises nobody a voucher, for an e-service that asks for none.
pub fn unprotected(folder: &Path) -> String {
    let document = std::fs::read_to_string(repository().join("specs/anagrafe/openapi.yaml")).expect("the document");
    let (promise, path) = ("security:\n  - voucher: []\n", folder.join("anagrafe-aperta.yaml"));
    assert!(document.contains(promise), "the document promises something else");
    std::fs::write(&path, document.replace(promise, "")).expect("the folder can be written");
    path.display().to_string()
}

/// The stub's things behind the HTTP adapter, with this `upstream` section.
pub fn things(name: &str, url: &str, upstream: &str, more: &str) -> String {
    open(
        name,
        "tests/peers/stub/openapi.yaml",
        &format!("{{ http: {{ url: \"{url}\" }} }}"),
        &format!("    unknown_query: allow\n    upstream: {upstream}\n{more}"),
    )
}

/// Asserts that an answer is the refusal it should be: status, kind, form, its exchange, and not a word of what is inside.
pub fn assert_problem(answer: &Answer, status: u16, kind: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    let json = answer.json();
    assert_eq!(json["status"], status, "{json}");
    assert!(json["title"].as_str().is_some_and(|title| !title.is_empty()), "{json}");
    let id = answer.header("varco-exchange").unwrap_or_default();
    assert_eq!(json["instance"], format!("urn:uuid:{id}"), "{json}");
    assert_says_nothing_internal(answer);
}

/// Asserts that neither body nor headers say a word of what is inside.
pub fn assert_says_nothing_internal(answer: &Answer) {
    let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    for word in INTERNAL {
        assert!(!text.contains(word), "`{word}` in {text}");
    }
}
