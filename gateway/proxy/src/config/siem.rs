//! Where records are sent as they are written: a collector of security events.

use document::{Fault, Section};
use http::Uri;
use rustls_pki_types::ServerName;

use super::addresses::is_loopback;
use super::network::Network;
use super::tls::{self, UpstreamTls};
use crate::upstream::host_and_port;

/// A collector of security events, spoken to in syslog (RFC 5424) over TLS (RFC 5425).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiemRules {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What messages are.
    pub format: SiemFormat,
    /// TLS; `None` only to a forwarder on this machine.
    pub tls: Option<UpstreamTls>,
}

impl SiemRules {
    /// What stays as it is until a restart. How the two prove themselves to each other may change: the next connection is made so.
    pub fn fixed(&self) -> (&str, u16, SiemFormat, bool) {
        (&self.host, self.port, self.format, self.tls.is_some())
    }
}

/// What the messages to a collector are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SiemFormat {
    /// The record as it stands in the log: canonical JSON.
    #[default]
    Json,
    /// ArcSight's Common Event Format, of the record's most telling members.
    Cef,
}

/// The port of syslog over TLS (RFC 5425 §4.1).
const PORT: u16 = 6514;

/// Reads `siem`.
pub(super) fn compile(main: &Section<'_>, network: &Network) -> Option<SiemRules> {
    let section = main.section("siem")?;
    let format = section.choice("format", &[("json", SiemFormat::Json), ("cef", SiemFormat::Cef)]).unwrap_or_default();
    let text = section.required_text("url")?;
    let fault = |message: &str, hint: &str| {
        section.report(Fault::error(section.place("url"), format!("`{text}` {message}")).hint(hint.to_owned()));
        None
    };
    let uri = text.parse::<Uri>().ok();
    let target = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, host_and_port(uri.authority()?)?)));
    let Some((scheme, (host, port))) = target.filter(|_| !text.contains('@')) else {
        return fault("is no address of a collector", "such as `tls://siem.example:6514`");
    };
    let tls = match scheme {
        "tls" => {
            let Ok(name) = ServerName::try_from(host.clone()) else {
                return fault("has no server name in it", "such as `tls://siem.example`");
            };
            Some(tls::client(Some(&section), network.roots(), None, name)?)
        }
        "tcp" if is_loopback(&host) => None,
        "tcp" => return fault("would send records in the clear", "`tls://`; or `tcp://127.0.0.1:…`, to a forwarder on this machine"),
        _ => return fault("is not syslog over TLS", "such as `tls://siem.example:6514`"),
    };
    Some(SiemRules { host, port: port.unwrap_or(PORT), format, tls })
}
