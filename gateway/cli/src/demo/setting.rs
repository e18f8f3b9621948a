//! What the demo plays on: a folder with the shipped files, a sandbox, a gateway.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use aws_lc_rs::digest::{SHA256, digest};
use proxy::config;
use proxy::{Running, Way};
use sandbox::national::AUDIENCE;
use sandbox::{Options, Registry, Sandbox};
use std::sync::mpsc::Receiver;

use super::steps::KEYS;

/// The files that are shipped with the product, so that the demo needs nothing but the binary.
const FILES: [(&str, &str); 5] = [
    ("specs/anpr-c020/openapi.yaml", include_str!("../../../../specs/anpr-c020/openapi.yaml")),
    ("specs/anagrafe/openapi.yaml", include_str!("../../../../specs/anagrafe/openapi.yaml")),
    ("specs/anagrafe/legacy.wsdl", include_str!("../../../../specs/anagrafe/legacy.wsdl")),
    ("policies/anagrafe.cedar", include_str!("../../../../policies/anagrafe.cedar")),
    ("adapters/anagrafe/mapping.yaml", include_str!("../../../../adapters/anagrafe/mapping.yaml")),
];

/// The running parts.
pub(super) struct Setting {
    pub(super) folder: PathBuf,
    pub(super) sandbox: Sandbox,
    pub(super) gateway: Running,
    pub(super) ways: Receiver<Way>,
    /// `http://127.0.0.1:port` of the gateway, for others.
    pub(super) url: String,
    /// The same for our departments.
    pub(super) departments: String,
}

impl Setting {
    pub(super) async fn build(folder: &Path) -> anyhow::Result<Self> {
        for (name, content) in FILES {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::fs::write(path, content)?;
        }
        let sandbox = Sandbox::start(Options::default()).await?;
        for client in ["valdombra-sociale", "borgoselva-tributi"] {
            let key = sandbox.pdnd.key(client).context("the sandbox made a key for each client")?.to_pem()?;
            std::fs::write(folder.join(format!("{client}.pem")), key.as_bytes())?;
        }
        let path = folder.join("varco.yaml");
        std::fs::write(&path, configuration(&sandbox)?)?;
        let loaded = config::load(&path);
        let Some(configuration) = loaded.configuration else {
            let faults: Vec<String> = loaded.faults.iter().map(ToString::to_string).collect();
            anyhow::bail!("the demo's own configuration has faults:\n{}", faults.join("\n"));
        };
        let gateway = proxy::start(configuration)?;
        let ways = gateway.watch().context("nobody else watches")?;
        let addresses = gateway.addresses();
        let of = |name: &str| {
            let found = addresses.iter().find(|(listener, _)| **listener == *name).and_then(|(_, addresses)| addresses.first());
            found.map(|address| format!("http://{address}")).with_context(|| format!("the listener {name} has an address"))
        };
        let (url, departments) = (of("pdnd")?, of("departments")?);
        Ok(Self { folder: folder.to_owned(), sandbox, gateway, ways, url, departments })
    }

    /// Changes the configuration as an operator would, and has the gateway read it again.
    pub(super) fn reload(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.folder.join("varco.yaml");
        let yaml = std::fs::read_to_string(&path)?;
        anyhow::ensure!(yaml.contains(from), "the configuration has no `{from}`");
        std::fs::write(&path, yaml.replacen(from, to, 1))?;
        let plan = self.gateway.reload()?;
        anyhow::ensure!(!plan.is_empty(), "the reload changed nothing");
        Ok(())
    }

    /// The audit log's folder.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("audit")
    }
}

/// The configuration that a user would write for this; the folder keeps it with `--keep`.
fn configuration(sandbox: &Sandbox) -> anyhow::Result<String> {
    let registry = sandbox.pdnd.registry();
    let eservice = registry.eservice("anagrafe").context("the sandbox's registry has the e-service")?;
    let provider = registry.tenant(&eservice.producer).context("and its provider")?;
    let descriptor = eservice.descriptors.first().context("and a descriptor")?;
    let audience = descriptor.audience.first().context("with an audience")?;
    let (issuer, jwks, department) = (&sandbox.pdnd.environment().issuer, sandbox.pdnd.jwks_url(), sandbox.department.url());
    let port = free_port()?;
    let consumers = consumers(&registry)?;
    let mut yaml = format!(
        "# What the demo runs: one inbound e-service in front of a legacy SOAP department, the same with a department that is off, and\n\
         # an outbound one through which the departments of two other towns call the first, as if it were another's.\n\
         installation: demo\n\
         workers: 2\n\
         tenants:\n  pietrachiara: {{ name: Comune di Pietrachiara, producer: {producer} }}\n{consumers}\
         pdnd:\n  sandbox: {{ issuer: {issuer}, jwks: \"{jwks}\", token: \"{token}\", assertion_audience: {assertion_audience} }}\n\
         listeners:\n  pdnd: {{ address: \"127.0.0.1:{port}\" }}\n  departments: {{ address: \"127.0.0.1:0\" }}\n\
         audit: {{ store: audit, origin: demo.example/log }}\n\
         eservices:\n",
        producer = provider.id,
        token = sandbox.pdnd.token_url(),
        assertion_audience = sandbox.pdnd.environment().assertion_audience,
    );
    yaml += &outbound(port)?;
    yaml += &national(sandbox);
    for (name, base_path, url) in [("anagrafe", "/anagrafe/v1", department.as_str()), ("anagrafe-spenta", "/spenta/v1", &closed_port()?)] {
        let _ = write!(
            yaml,
            "  {name}:\n\
            \x20   direction: inbound\n\
            \x20   listener: pdnd\n\
            \x20   base_path: {base_path}\n\
            \x20   contract: specs/anagrafe/openapi.yaml\n\
            \x20   instances:\n      - {{ tenant: pietrachiara, pdnd: sandbox, eservice: {eservice}, descriptors: [{descriptor}], audience: [\"{audience}\"] }}\n\
            \x20   security: [voucher]\n\
            \x20   policy: policies/anagrafe.cedar\n\
            \x20   subject: [\"body:/criteriRicerca/codiceFiscale\", path.codiceFiscale]\n\
            \x20   limits: {{ per_purpose: {{ rate: 600/m, burst: 50 }} }}\n\
            \x20   operations:\n      cercaResidenza: {{ safe: true, cache: {{ ttl: 10m, ignore: [\"body:/idOperazioneClient\"], echo: [\"body:/idOperazioneClient\"] }} }}\n\
            \x20   adapter: {{ soap: {{ wsdl: specs/anagrafe/legacy.wsdl, url: \"{url}\", mapping: adapters/anagrafe/mapping.yaml }} }}\n",
            eservice = eservice.id,
            descriptor = descriptor.id,
        );
    }
    Ok(yaml)
}

/// The towns that call: each with its client and its purpose, by the registry of the sandbox.
fn consumers(registry: &Registry) -> anyhow::Result<String> {
    let mut yaml = String::new();
    for (town, client) in [("valdombra", "valdombra-sociale"), ("borgoselva", "borgoselva-tributi")] {
        let id = registry.clients.iter().find(|known| known.name == client).context("a client of the registry")?.id;
        let tenant = registry.tenant(town).context("its tenant")?.id;
        let purposes: Vec<String> = registry
            .client(client)
            .into_iter()
            .flat_map(|client| &client.purposes)
            .filter_map(|name| Some(format!("{name}: {}", registry.purpose(name)?.id)))
            .collect();
        let _ = write!(
            yaml,
            "  {town}:\n    producer: {tenant}\n    clients: {{ pdnd: {{ id: {id}, key: {client}.pem, pdnd: sandbox }} }}\n    purposes: {{ {} }}\n",
            purposes.join(", "),
        );
    }
    Ok(yaml)
}

/// The outbound e-service. What it calls is the inbound one of the same gateway, whose port is therefore chosen beforehand.
fn outbound(port: u16) -> anyhow::Result<String> {
    let mut yaml = format!(
        "  residenza:\n    direction: outbound\n    listener: departments\n    base_path: /residenza\n    contract: specs/anagrafe/openapi.yaml\n\
         \x20   security: [voucher]\n    limits: {{ per_purpose: {{ daily: 1 }} }}\n\
         \x20   adapter: {{ http: {{ url: \"http://127.0.0.1:{port}/anagrafe/v1\" }} }}\n    consumers:\n",
    );
    for ((department, key), (tenant, purpose)) in KEYS.into_iter().zip([("valdombra", "assistenza"), ("borgoselva", "tributi")]) {
        let digest = hex::encode(digest(&SHA256, key.as_bytes()));
        let _ = writeln!(yaml, "      {department}: {{ tenant: {tenant}, client: pdnd, purpose: {purpose}, key: \"sha256:{digest}\" }}");
    }
    Ok(yaml)
}

/// The outbound e-service of a national registry, which wants to know who asks.
fn national(sandbox: &Sandbox) -> String {
    let digest = hex::encode(digest(&SHA256, KEYS[0].1.as_bytes()));
    format!(
        "  accertamento:\n    direction: outbound\n    listener: departments\n    base_path: /anpr\n    contract: specs/anpr-c020/openapi.yaml\n\
         \x20   security: [voucher, INTEGRITY_REST_02, AUDIT_REST_02]\n\
         \x20   evidence: {{ userID: \"header:X-Operatore\", userLocation: \"header:X-Postazione\", LoA: \"header:X-Loa\" }}\n\
         \x20   adapter: {{ http: {{ url: \"{}\", audience: \"{AUDIENCE}\" }} }}\n\
         \x20   consumers: {{ sociale: {{ tenant: valdombra, client: pdnd, purpose: accertamento, key: \"sha256:{digest}\" }} }}\n",
        sandbox.national.url(),
    )
}

/// A port that is free: taken from the system and given back.
fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A place where nobody listens.
fn closed_port() -> anyhow::Result<String> {
    Ok(format!("http://127.0.0.1:{}/anagrafe", free_port()?))
}
