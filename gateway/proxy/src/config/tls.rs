//! Certificates and keys, for both sides.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use document::{Fault, Section};
use rustls::crypto::CryptoProvider;
use rustls::server::{ResolvesServerCert, ResolvesServerCertUsingSni, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use webpki::{BorrowedCertRevocationList, CertRevocationList};
use x509_parser::time::ASN1Time;

use super::secret;

/// One side of TLS, compiled. Two are equal if they were made of the same certificates, keys and settings.
#[derive(Clone, Debug)]
pub struct Tls<T> {
    /// What rustls takes.
    pub config: Arc<T>,
    /// What of it ends, and when.
    pub expires: Vec<Expiry>,
    identity: [u8; 32],
}

/// Something that ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// A `certificate`, or a `crl`.
    pub what: &'static str,
    /// Where it was read from, as the configuration says it.
    pub file: Box<str>,
    /// When: seconds since 1970, negative before.
    pub at: i64,
}

impl<T> Tls<T> {
    /// SHA-256 over what it was made of.
    pub fn identity(&self) -> &[u8; 32] {
        &self.identity
    }
}

impl<T> PartialEq for Tls<T> {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl<T> Eq for Tls<T> {}

impl<T> std::hash::Hash for Tls<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

/// TLS towards an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamTls {
    /// Whom to believe, and who we are.
    pub tls: Tls<ClientConfig>,
    /// The name that its certificate has to have.
    pub name: ServerName<'static>,
}

/// What one side of TLS is made of, as it is read, and what of it ends.
#[derive(Clone)]
struct Made {
    context: Context,
    expires: Vec<Expiry>,
}

impl Made {
    fn of(kind: &str) -> Self {
        let mut made = Self { context: Context::new(&SHA256), expires: Vec::new() };
        made.with(kind.as_bytes());
        made
    }

    /// Each part with its length, so that no two sequences look alike.
    fn with(&mut self, part: &[u8]) {
        self.context.update(&(part.len() as u64).to_be_bytes());
        self.context.update(part);
    }

    fn digest(self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.context.finish().as_ref());
        digest
    }

    /// A certificate ends with the last second that it names (RFC 5280 §4.1.2.5). What has ended already is told.
    fn ends(&mut self, section: &Section<'_>, key: &str, what: &'static str, file: &str, at: Option<ASN1Time>) {
        let Some(at) = at else { return };
        if at < ASN1Time::now() {
            let fault = Fault::warning(section.place(key), format!("what `{file}` holds ended on {at}"));
            section.report(fault.hint("whoever looks will refuse it: renew it, and a reload takes the new one"));
        }
        self.expires.push(Expiry { what, file: file.into(), at: at.timestamp() });
    }

    fn certificate_ends(&mut self, section: &Section<'_>, file: &str, chain: &[CertificateDer<'_>]) {
        let read = chain.first().and_then(|first| x509_parser::parse_x509_certificate(first).ok());
        self.ends(section, "certificate", "certificate", file, read.map(|(_, certificate)| certificate.validity().not_after));
    }

    fn into_tls<T>(mut self, config: T) -> Tls<T> {
        let expires = std::mem::take(&mut self.expires);
        Tls { config: Arc::new(config), expires, identity: self.digest() }
    }
}

/// The provider of every TLS connection: one stack.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The server side of a listener, if `tls` is there, and what callers have to show, with `before`, which says of whom what is believed.
/// `None` where it is not, or has faults.
pub(super) fn server(section: &Section<'_>, http2: bool, before: &str) -> (Option<Tls<ServerConfig>>, [u8; 32]) {
    let mut shown = Made::of(if section.node("tls").is_some() { "tls" } else { "clear" });
    shown.with(before.as_bytes());
    let tls = section.node("tls").and_then(|_| server_config(section, http2, &mut shown));
    (tls, shown.digest())
}

fn server_config(section: &Section<'_>, http2: bool, shown: &mut Made) -> Option<Tls<ServerConfig>> {
    let mut made = Made::of(if http2 { "h2" } else { "http/1.1" });
    let mut pairs = Vec::new();
    for item in section.section_list("tls") {
        let names: Vec<String> = item.texts("names").iter().map(|(text, _)| (*text).to_owned()).collect();
        for name in &names {
            made.with(name.as_bytes());
        }
        if let Some(key) = certified_key(&item, &mut made) {
            pairs.push((names, key, item.here()));
        }
    }
    // Read in any case, so that its faults are told together with those of the certificates.
    let verifier = client_verifier(section, shown);
    made.with(&shown.clone().digest());
    made.expires.append(&mut shown.expires);
    let (_, first, _) = pairs.first()?;
    let default = first.clone();
    let mut by_name = ResolvesServerCertUsingSni::new();
    for (names, key, place) in &pairs {
        for name in names {
            if let Err(error) = by_name.add(name, CertifiedKey::clone(key)) {
                section.report(Fault::error(place.clone(), format!("the certificate cannot serve `{name}`: {error}")));
            }
        }
    }
    let resolver = Arc::new(ByName { by_name, default });
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().ok()?;
    let mut config = match verifier? {
        ClientVerifier::None => builder.with_no_client_auth().with_cert_resolver(resolver),
        ClientVerifier::Some(verifier) => builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver),
    };
    if section.node("client_certificates").is_some_and(|clients| clients.get("crls").is_some()) {
        // A session that is resumed would not be held against the lists.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Some(made.into_tls(config))
}

/// The certificate of the name asked for, else the first.
#[derive(Debug)]
struct ByName {
    by_name: ResolvesServerCertUsingSni,
    default: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.by_name.resolve(hello).or_else(|| Some(self.default.clone()))
    }
}

fn certified_key(section: &Section<'_>, made: &mut Made) -> Option<Arc<CertifiedKey>> {
    let file = section.required_text("certificate");
    let certificate = file.and_then(|text| secret::read(section, "certificate", text, true));
    let key = section.required_text("key").and_then(|text| secret::read(section, "key", text, true));
    let (certificate, key) = (certificate?, key?);
    made.with(&certificate);
    made.with(&key);
    let chain = certificates(section, "certificate", &certificate)?;
    made.certificate_ends(section, file.unwrap_or_default(), &chain);
    let Ok(key) = PrivateKeyDer::from_pem_slice(&key) else { return report(section, "key", "no private key in PEM", NO_KEY) };
    let Ok(key) = provider().key_provider.load_private_key(key) else {
        return report(section, "key", "the private key cannot be used", NO_KEY);
    };
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Some(Arc::new(pair)),
        Err(_) => {
            report(section, "key", "the private key is not the certificate's", "name the key that the certificate was asked for with")
        }
    }
}

const NO_KEY: &str = "such a file has lines `-----BEGIN PRIVATE KEY-----`, and the key is RSA, P-256, P-384 or Ed25519";
const NO_ROOT: &str = "an authority's certificate is X.509 version 3, with `CA:TRUE`";

fn report<T>(section: &Section<'_>, key: &str, message: &str, hint: &str) -> Option<T> {
    section.report(Fault::error(section.place(key), message).hint(hint));
    None
}

pub(super) fn certificates(section: &Section<'_>, key: &str, pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if !chain.is_empty() => Some(chain),
        _ => report(section, key, "no certificate in PEM", "such a file has lines `-----BEGIN CERTIFICATE-----`"),
    }
}

enum ClientVerifier {
    None,
    Some(Arc<dyn rustls::server::danger::ClientCertVerifier>),
}

/// `client_certificates: { mode: required|optional|off, ca: file }`.
fn client_verifier(section: &Section<'_>, made: &mut Made) -> Option<ClientVerifier> {
    let Some(clients) = section.section("client_certificates") else { return Some(ClientVerifier::None) };
    #[derive(Clone, Copy, PartialEq)]
    enum Mode {
        Required,
        Optional,
        Off,
    }
    let mode =
        clients.choice("mode", &[("required", Mode::Required), ("optional", Mode::Optional), ("off", Mode::Off)]).unwrap_or(Mode::Required);
    if mode == Mode::Off {
        let _ = clients.text("ca");
        return Some(ClientVerifier::None);
    }
    made.with(if mode == Mode::Optional { b"optional" } else { b"required" });
    let crls = crls(&clients, made);
    let roots = roots(&clients, "ca", made)?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let builder = match crls? {
        crls if crls.is_empty() => builder,
        // Of whoever calls, not of the authorities between; a list that is out of date says nothing any more, and so lets nobody in.
        crls => builder.with_crls(crls).only_check_end_entity_revocation().enforce_revocation_expiration(),
    };
    let builder = if mode == Mode::Optional { builder.allow_unauthenticated() } else { builder };
    match builder.build() {
        Ok(verifier) => Some(ClientVerifier::Some(verifier)),
        Err(error) => report(&clients, "ca", &format!("the authorities cannot be used: {error}"), NO_ROOT),
    }
}

/// The lists of certificates that were withdrawn (RFC 5280 §5), in PEM or DER. `None` where there is a fault.
fn crls(section: &Section<'_>, made: &mut Made) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    let mut crls = Vec::new();
    for (text, place) in section.texts("crls") {
        let bytes = secret::read(section, "crls", text, true)?;
        made.with(&bytes);
        let from = crls.len();
        let pem: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
        match pem {
            Ok(pem) if !pem.is_empty() => crls.extend(pem),
            // A sequence, as DER has it.
            _ if bytes.first() == Some(&0x30) => crls.push(bytes.into()),
            _ => {
                section.report(Fault::error(place, format!("`{text}` holds no list of withdrawn certificates, in PEM or DER")));
                return None;
            }
        }
        for crl in &crls[from..] {
            let read = x509_parser::parse_x509_crl(crl).ok();
            made.ends(section, "crls", "crl", text, read.and_then(|(_, list)| list.next_update()));
        }
    }
    let mut issuers: Vec<Vec<u8>> = Vec::new();
    for crl in &crls {
        match BorrowedCertRevocationList::from_der(crl).map(CertRevocationList::from) {
            Ok(list) if !issuers.iter().any(|issuer| issuer == list.issuer()) => issuers.push(list.issuer().to_vec()),
            // Only the first of them would count, and what the other withdraws would be let in.
            Ok(_) => return report(section, "crls", "two lists are of one authority", "keep the newer one"),
            Err(error) => {
                let message = format!("a list of withdrawn certificates cannot be used: {error}");
                return report(section, "crls", &message, "such a file has lines `-----BEGIN X509 CRL-----`");
            }
        }
    }
    Some(crls)
}

fn roots(section: &Section<'_>, key: &'static str, made: &mut Made) -> Option<RootCertStore> {
    let text = section.required_text(key)?;
    let pem = secret::read(section, key, text, true)?;
    made.with(&pem);
    let mut roots = RootCertStore::empty();
    for certificate in certificates(section, key, &pem)? {
        if roots.add(certificate).is_err() {
            return report(section, key, "a certificate of an authority cannot be used", NO_ROOT);
        }
    }
    Some(roots)
}

/// Whom connections of ours believe where nothing else is said; read once, however many upstreams there are.
#[derive(Debug)]
pub(super) struct CommonRoots {
    store: Arc<RootCertStore>,
    identity: [u8; 32],
}

impl CommonRoots {
    /// The system's, where they are wanted, and these; those of the system that cannot be used are left out, as browsers do.
    pub(super) fn new(with_system: bool, own: &[CertificateDer<'static>]) -> Self {
        let system = if with_system { rustls_native_certs::load_native_certs().certs } else { Vec::new() };
        let mut made = Made::of("roots");
        for root in system.iter().chain(own) {
            made.with(root);
        }
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(system.into_iter().chain(own.iter().cloned()));
        Self { store: Arc::new(store), identity: made.digest() }
    }

    /// Certificates of authorities in a file, each of which can be used. `None` where there is a fault.
    pub(super) fn read(section: &Section<'_>, key: &'static str, text: &str) -> Option<Vec<CertificateDer<'static>>> {
        let pem = secret::read(section, key, text, true)?;
        let certificates = certificates(section, key, &pem)?;
        if certificates.iter().any(|certificate| RootCertStore::empty().add(certificate.clone()).is_err()) {
            return report(section, key, "a certificate of an authority cannot be used", NO_ROOT);
        }
        Some(certificates)
    }
}

/// The client side of an upstream: its own roots (`roots: ca.pem`, or those of all), and a certificate of ours if asked.
pub(super) fn client(
    section: Option<&Section<'_>>,
    common: &CommonRoots,
    alpn: Option<&[u8]>,
    name: ServerName<'static>,
) -> Option<UpstreamTls> {
    let mut made = Made::of("client");
    made.with(alpn.unwrap_or_default());
    let roots = match section {
        Some(section) if section.node("roots").is_some() => Arc::new(roots(section, "roots", &mut made)?),
        _ => {
            made.with(&common.identity);
            common.store.clone()
        }
    };
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().ok()?.with_root_certificates(roots);
    let mut config = match section.filter(|section| section.node("certificate").is_some()) {
        None => builder.with_no_client_auth(),
        Some(section) => {
            let _ = section.node("key");
            let certificate = section.text("certificate").and_then(|text| secret::read(section, "certificate", text, true))?;
            let key = section.required_text("key").and_then(|text| secret::read(section, "key", text, true))?;
            made.with(&certificate);
            made.with(&key);
            let chain = certificates(section, "certificate", &certificate)?;
            made.certificate_ends(section, section.text("certificate").unwrap_or_default(), &chain);
            let Ok(key) = PrivateKeyDer::from_pem_slice(&key) else { return report(section, "key", "no private key in PEM", NO_KEY) };
            match builder.with_client_auth_cert(chain, key) {
                Ok(config) => config,
                Err(error) => {
                    let message = format!("the client certificate cannot be used: {error}");
                    return report(section, "certificate", &message, "a chain begins with the certificate that `key` is of");
                }
            }
        }
    };
    config.alpn_protocols = alpn.map(<[u8]>::to_vec).into_iter().collect();
    Some(UpstreamTls { tls: made.into_tls(config), name })
}
