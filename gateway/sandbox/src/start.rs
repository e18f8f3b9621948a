use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use trust::Key;

use crate::keys::{self, Keys, PLATFORM};
use crate::pdnd::{Environment, Pdnd, Registry, TokenRate, platform::Platform};
use crate::{Department, National, VoucherSpec, national};

/// What a sandbox is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the local PDND listens; port 0 takes a free one.
    pub pdnd: SocketAddr,
    /// Where the department listens; port 0 takes a free one.
    pub department: SocketAddr,
    /// Where the national registry listens; port 0 takes a free one.
    pub national: SocketAddr,
    /// The names of the environment.
    pub environment: Environment,
    /// What PDND knows.
    pub registry: Registry,
    /// How many vouchers an organisation may ask.
    pub token_rate: TokenRate,
    /// Where keys are kept from one start to the next, with the key set, for curl and openssl; else they are made anew and
    /// gone at the end.
    pub keys: Option<PathBuf>,
}

impl Default for Options {
    /// Free ports of the loopback, the invented registry, new keys.
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            pdnd: free,
            department: free,
            national: free,
            environment: Environment::default(),
            registry: Registry::invented(),
            token_rate: TokenRate::default(),
            keys: None,
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// An address could not be listened at.
    #[error("the sandbox cannot listen at {address}: {error}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A file of the key folder could not be read or written.
    #[error("{}: {error}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// A key could not be made.
    #[error("a key could not be made")]
    KeyNotMade,
}

/// A running sandbox. It stops when it is dropped, and at its leisure by [`Sandbox::stop`].
#[derive(Debug)]
pub struct Sandbox {
    /// The local PDND.
    pub pdnd: Pdnd,
    /// The legacy department.
    pub department: Department,
    /// The national registry.
    pub national: National,
}

/// Where a sandbox answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// PDND's name for itself: `iss` of its vouchers.
    pub issuer: String,
    /// The audience of assertions.
    pub assertion_audience: String,
    /// PDND's token endpoint.
    pub token: String,
    /// PDND's key set.
    pub jwks: String,
    /// The base of PDND's API.
    pub api: String,
    /// What became of the latest token requests.
    pub debug: String,
    /// The department's service.
    pub department: String,
    /// Its description.
    pub wsdl: String,
    /// The national registry's service.
    pub national: String,
    /// For whom evidence and signatures are made that it takes.
    pub national_audience: &'static str,
}

impl Sandbox {
    /// Makes or reads the keys, binds both sockets and serves on the caller's runtime.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let pdnd = listen(options.pdnd).await?;
        let department = listen(options.department).await?;
        let national = listen(options.national).await?;
        let mut registry = options.registry;
        let keyless = registry.clients.iter().filter(|client| client.keys.is_empty()).map(|client| client.name.clone());
        let chains = registry.keychains.iter().filter(|chain| chain.keys.is_empty()).map(|chain| chain.name.clone());
        let names = keyless.chain(chains).chain([PLATFORM.to_owned()]).collect();
        let mut keys = keys::prepare(names, options.keys.clone()).await?;
        let own = keys.remove(PLATFORM).ok_or(SandboxError::KeyNotMade)?;
        for client in &mut registry.clients {
            client.keys.extend(uploaded(&keys, &client.name)?);
        }
        for chain in &mut registry.keychains {
            chain.keys.extend(uploaded(&keys, &chain.name)?);
        }
        let platform = Arc::new(Platform::new(options.environment, registry, options.token_rate, own, keys));
        let pdnd = Pdnd::start(pdnd.0, pdnd.1, platform.clone());
        if let Some(folder) = options.keys {
            let path = folder.join("jwks.json");
            std::fs::write(&path, pdnd.jwks().to_string()).map_err(|error| SandboxError::KeyFile { path, error })?;
        }
        let department = Department::start(department.0, department.1);
        let national = National::start(national.0, national.1, platform, department.shared_register());
        Ok(Self { pdnd, department, national })
    }

    /// Where it answers.
    pub fn addresses(&self) -> Addresses {
        Addresses {
            issuer: self.pdnd.environment().issuer.clone(),
            assertion_audience: self.pdnd.environment().assertion_audience.clone(),
            token: self.pdnd.token_url(),
            jwks: self.pdnd.jwks_url(),
            api: self.pdnd.api_url(),
            debug: format!("http://{}/debug/assertions", self.pdnd.address()),
            department: self.department.url(),
            wsdl: format!("{}?wsdl", self.department.url()),
            national: self.national.url(),
            national_audience: national::AUDIENCE,
        }
    }

    /// Makes a voucher directly, right or wrong: see [`Pdnd::voucher`].
    pub fn voucher(&self, spec: &VoucherSpec) -> Result<String, crate::pdnd::VoucherError> {
        self.pdnd.voucher(spec)
    }

    /// Closes both sockets and waits two seconds at most for what is under way.
    pub async fn stop(self) {
        tokio::join!(self.pdnd.stop(), self.department.stop(), self.national.stop());
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "issuer          {}", self.issuer)?;
        writeln!(f, "assertions for  {}", self.assertion_audience)?;
        writeln!(f, "token endpoint  {}", self.token)?;
        writeln!(f, "key set         {}", self.jwks)?;
        writeln!(f, "API             {}", self.api)?;
        writeln!(f, "debugging       {}", self.debug)?;
        writeln!(f, "department      {}", self.department)?;
        writeln!(f, "its WSDL        {}", self.wsdl)?;
        writeln!(f, "registry        {}", self.national)?;
        write!(f, "evidence for it {}", self.national_audience)
    }
}

/// The public key that goes with a private one, taken the way that PDND takes it: as the PEM that is uploaded.
fn uploaded(keys: &Keys, name: &str) -> Result<Option<Arc<Key>>, SandboxError> {
    let Some(key) = keys.get(name) else { return Ok(None) };
    let pem = key.public_pem().map_err(|_| SandboxError::KeyNotMade)?;
    Key::from_pem(pem.as_bytes()).map(|key| Some(Arc::new(key))).map_err(|_| SandboxError::KeyNotMade)
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), SandboxError> {
    let unusable = |error| SandboxError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(unusable)?;
    let bound = listener.local_addr().map_err(unusable)?;
    Ok((listener, bound))
}
