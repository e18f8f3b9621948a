use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use sandbox::client::Consumer;
use sandbox::{Options, Sandbox, VoucherSpec};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{Gateway, repository};

/// An invented citizen of the sandbox's department, with every field.
pub const LUCIA: &str = "FNTLCU85C52X999H";

/// The body of a lookup.
pub fn lookup(operation: &str, codice_fiscale: &str) -> Value {
    json!({
        "idOperazioneClient": operation,
        "criteriRicerca": { "codiceFiscale": codice_fiscale },
        "datiRichiesta": { "dataRiferimentoRichiesta": "2026-11-21", "motivoRichiesta": "pratica 2026/1187", "casoUso": "C020" },
    })
}

/// The files of the sandbox's keys, made once for all scenes of this process: to make them takes longer than most tests do.
static KEYS: OnceLock<Vec<(OsString, Vec<u8>)>> = OnceLock::new();

fn sandbox(runtime: &Runtime) -> Sandbox {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || runtime.block_on(Sandbox::start(Options { keys: Some(folder.path().into()), ..Options::default() })).expect("a sandbox");
    let keys = KEYS.get_or_init(|| {
        drop(start());
        let files = std::fs::read_dir(&folder).expect("the keys").flatten();
        files.map(|file| (file.file_name(), std::fs::read(file.path()).expect("a key"))).collect()
    });
    for (name, text) in keys {
        std::fs::write(folder.path().join(name), text).expect("a key is written");
    }
    start()
}

/// A sandbox that runs in this process, a folder, and what is needed to write a configuration for them.
pub struct Scene {
    /// The folder of the gateway.
    pub folder: TempDir,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// The runtime that the sandbox runs on.
    pub runtime: Arc<Runtime>,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    /// A sandbox on free ports and an empty folder.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let sandbox = sandbox(&runtime);
        Self { folder: tempfile::tempdir().expect("a folder"), sandbox, runtime: Arc::new(runtime) }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A voucher from the sandbox's token endpoint.
    pub fn voucher(&self, client: &str, purpose: &str) -> String {
        let consumer = Consumer::of(&self.sandbox.pdnd, client, Some(purpose)).expect("a client of the registry");
        self.runtime.block_on(consumer.voucher()).expect("a voucher").token
    }

    /// A voucher that sees every field.
    pub fn good_voucher(&self) -> String {
        self.voucher("valdombra-sociale", "assistenza")
    }

    /// The bytes of a lookup that is answered with every field.
    pub fn good_lookup(&self) -> Vec<u8> {
        crate::post("/anagrafe/v1/residenze/ricerca", &self.good_voucher(), &lookup("20261121000001", LUCIA).to_string())
    }

    /// A voucher made directly, right or wrong.
    pub fn made_voucher(&self, spec: &VoucherSpec) -> String {
        self.sandbox.voucher(spec).expect("a voucher")
    }

    /// The head of a configuration: everything but listeners and e-services.
    pub fn head(&self) -> String {
        let registry = self.sandbox.pdnd.registry();
        let provider = registry.tenant("pietrachiara").expect("the provider").id;
        format!(
            "installation: prova\nworkers: 2\ndrain: 10s\n\
             tenants:\n  pietrachiara: {{ producer: {provider} }}\n\
             pdnd:\n  sandbox: {{ issuer: {}, jwks: \"{}\" }}\n\
             audit: {{ store: audit, origin: prova.example/log }}\n",
            self.sandbox.pdnd.environment().issuer,
            self.sandbox.pdnd.jwks_url(),
        )
    }

    /// The instance of the sandbox's e-service, as one line of `instances`.
    pub fn instance(&self) -> String {
        let registry = self.sandbox.pdnd.registry();
        let eservice = registry.eservice("anagrafe").expect("the e-service");
        let descriptor = &eservice.descriptors[0];
        format!(
            "{{ tenant: pietrachiara, pdnd: sandbox, eservice: {}, descriptors: [{}], audience: [\"{}\"] }}",
            eservice.id, descriptor.id, descriptor.audience[0]
        )
    }

    /// The e-service `anagrafe` before the sandbox's department, on the listener `pdnd`, indented as an item of `eservices`.
    /// `more` are further lines, indented by four.
    pub fn anagrafe(&self, more: &str) -> String {
        let root = repository();
        let root = root.display();
        format!(
            "  anagrafe:\n\
            \x20   direction: inbound\n\
            \x20   listener: pdnd\n\
            \x20   base_path: /anagrafe/v1\n\
            \x20   contract: {root}/specs/anagrafe/openapi.yaml\n\
            \x20   instances: [{}]\n\
            \x20   security: [voucher]\n\
            \x20   policy: {root}/policies/anagrafe.cedar\n\
            \x20   subject: [\"body:/criteriRicerca/codiceFiscale\", path.codiceFiscale]\n\
            \x20   adapter: {{ soap: {{ wsdl: {root}/specs/anagrafe/legacy.wsdl, url: \"{}\", mapping: {root}/adapters/anagrafe/mapping.yaml }} }}\n{more}",
            self.instance(),
            self.sandbox.department.url(),
        )
    }

    /// A whole configuration: one plain listener `pdnd`, an admin listener, and `anagrafe` with `more` lines.
    pub fn configuration(&self, more: &str) -> String {
        format!(
            "{}admin: {{ address: \"127.0.0.1:0\" }}\nlisteners:\n  pdnd: {{ address: \"127.0.0.1:0\" }}\neservices:\n{}",
            self.head(),
            self.anagrafe(more)
        )
    }

    /// A gateway with that configuration.
    pub fn gateway(&self, more: &str) -> Gateway {
        Gateway::start(self.path(), &self.configuration(more))
    }

    /// The records of an exchange, when they are durable.
    pub fn records(&self, id: &str) -> Vec<Value> {
        let log = self.path().join("audit");
        crate::eventually("the exchange leaves a record", || {
            let output = crate::varco(self.path(), &["audit", "show", id, "--json", "--store", log.to_str().expect("a path")]);
            let records: Vec<Value> =
                output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
            (!records.is_empty()).then_some(records)
        })
    }

    /// All records of the log, oldest first.
    pub fn log(&self) -> Vec<Value> {
        let log = self.path().join("audit");
        let output = crate::varco(self.path(), &["audit", "list", "-n", "1000000", "--json", "--store", log.to_str().expect("a path")]);
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    /// Whether the log verifies, and what `varco audit verify` says.
    pub fn verify(&self) -> (bool, String) {
        let log = self.path().join("audit");
        let output = crate::varco(self.path(), &["audit", "verify", "--store", log.to_str().expect("a path")]);
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
