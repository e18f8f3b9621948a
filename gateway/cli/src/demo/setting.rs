//! What the demo plays on: a folder with the shipped files, a sandbox, a gateway.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use proxy::config;
use proxy::{Running, Way};
use sandbox::{Options, Sandbox};
use std::sync::mpsc::Receiver;

/// The files that are shipped with the product, so that the demo needs nothing but the binary.
const FILES: [(&str, &str); 4] = [
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
    /// `http://127.0.0.1:port` of the gateway.
    pub(super) url: String,
}

impl Setting {
    pub(super) async fn build(folder: &Path) -> anyhow::Result<Self> {
        for (name, content) in FILES {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::fs::write(path, content)?;
        }
        let sandbox = Sandbox::start(Options::default()).await?;
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
        let address = addresses.first().and_then(|(_, addresses)| addresses.first()).context("a listener with an address")?;
        let url = format!("http://{address}");
        Ok(Self { folder: folder.to_owned(), sandbox, gateway, ways, url })
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
    let mut yaml = format!(
        "# What the demo runs: one inbound e-service in front of a legacy SOAP department, and the same with a department that is off.\n\
         installation: demo\n\
         workers: 2\n\
         tenants:\n  pietrachiara: {{ name: Comune di Pietrachiara, producer: {producer} }}\n\
         pdnd:\n  sandbox: {{ issuer: {issuer}, jwks: \"{jwks}\" }}\n\
         listeners:\n  pdnd: {{ address: \"127.0.0.1:0\" }}\n\
         audit: {{ store: audit, origin: demo.example/log }}\n\
         eservices:\n",
        producer = provider.id,
    );
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

/// A port where nobody listens: taken from the system and given back.
fn closed_port() -> anyhow::Result<String> {
    let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("http://{}/anagrafe", socket.local_addr()?))
}
