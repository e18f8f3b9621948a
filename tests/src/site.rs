use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::Gateway;

/// The contract of the open e-service: things that are checked, and streams about which it promises nothing.
const CONTRACT: &str = r#"
openapi: 3.0.3
info: { title: Cose, version: 1.0.0 }
paths:
  /cose:
    get: { operationId: elenca, responses: &open { "200": { description: ok, content: { "*/*": {} } } } }
    post:
      operationId: crea
      requestBody: &cosa
        required: true
        content: { application/json: { schema: { type: object, required: [nome], properties: { nome: { type: string }, note: { type: array, items: { type: string } } } } } }
      responses: *open
  /cose/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string, pattern: "^[a-z ]+$" } }]
    get: { operationId: leggi, responses: *open }
    put: { operationId: cambia, requestBody: *cosa, responses: *open }
  /flussi:
    get: { operationId: scarica, responses: *open }
    post: { operationId: carica, requestBody: { content: { "*/*": {} } }, responses: *open }
  /registra:
    post: { operationId: registra, requestBody: { content: { "*/*": {} } }, responses: *open }
  /promesse:
    get:
      operationId: promessa
      responses: { "200": { description: ok, content: { application/json: { schema: { type: object, required: [nome], properties: { nome: { type: string } } } } } } }
"#;

/// A folder with the configuration of one open e-service, `cose`, that passes on to an upstream: for what concerns
/// connections and messages, and not who calls.
#[derive(Debug)]
pub struct Site {
    /// The folder of the gateway.
    pub folder: TempDir,
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// An empty folder with the contract in it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("cose.yaml"), CONTRACT).expect("a folder can be written to");
        Self { folder }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A configuration of one worker and the listener `web`, up to its e-services.
    pub fn head() -> String {
        "installation: prova\nworkers: 1\naudit: { store: audit, origin: prova.example/log }\nadmin: { address: \"127.0.0.1:0\" }\n\
         listeners:\n  web: { address: \"127.0.0.1:0\" }\neservices:\n"
            .to_owned()
    }

    /// A configuration: `top` are further lines of the file, `listener` further keys of the listener `web` in flow style,
    /// each with a comma before it, and `more` further lines of the e-service, indented by four.
    pub fn configuration(top: &str, listener: &str, upstream: &str, more: &str) -> String {
        format!(
            "installation: prova\nworkers: 2\ndrain: 10s\naudit: {{ store: audit, origin: prova.example/log }}\n{top}\
             admin: {{ address: \"127.0.0.1:0\" }}\nlisteners:\n  web: {{ address: \"127.0.0.1:0\"{listener} }}\neservices:\n\
             \x20 cose:\n    direction: inbound\n    listener: web\n    base_path: /c/v1\n    contract: cose.yaml\n\
             \x20   security: [open]\n    acknowledge: [open]\n    unknown_query: allow\n    adapter: {{ http: {{ url: \"{upstream}\" }} }}\n{more}"
        )
    }

    /// A gateway with that configuration.
    pub fn gateway(&self, top: &str, listener: &str, upstream: &str, more: &str) -> Gateway {
        Gateway::start(self.path(), &Self::configuration(top, listener, upstream, more))
    }

    /// What `varco check` says of a configuration in this folder.
    pub fn check(&self, yaml: &str) -> String {
        std::fs::write(self.path().join("varco.yaml"), yaml).expect("a folder can be written to");
        let output = crate::varco(self.path(), &["check", "-c", "varco.yaml"]);
        String::from_utf8(output.stdout).expect("text")
    }

    /// Asserts that a configuration can be used, and cannot with the first of these texts replaced by the second, which the third tells.
    pub fn assert_faults(&self, good: &str, cases: &[(&str, &str, &str)]) {
        let said = self.check(good);
        assert!(said.contains("the configuration can be used"), "{said}");
        for (from, to, expected) in cases {
            assert!(good.contains(from), "{from}");
            let said = self.check(&good.replacen(from, to, 1));
            assert!(said.contains(expected) && said.contains("cannot be used"), "{from} → {to}: {said}");
            assert!(!said.contains("PRIVATE KEY"), "{said}");
        }
    }

    /// The records of the exchanges so far, once one of them holds.
    pub fn record(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let log = self.path().join("audit");
        crate::eventually("a record appears", || {
            let output = crate::varco(self.path(), &["audit", "list", "-n", "1000000", "--json", "--store", log.to_str().expect("a path")]);
            let lines = output.stdout.split(|byte| *byte == b'\n');
            lines.filter_map(|line| serde_json::from_slice(line).ok()).find(&holds)
        })
    }
}
