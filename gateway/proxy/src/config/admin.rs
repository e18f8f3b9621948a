//! The admin listener: where it is, and what whoever wants to change something over it has to show.

use std::net::SocketAddr;
use std::path::PathBuf;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use document::{Fault, Section};

use super::{files, secret};

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminRules {
    /// Where it is.
    pub address: AdminAddress,
    /// What whoever wants to change something over it has to show.
    pub token: Option<Token>,
    /// Where the network may read metrics, and whether it lives; nothing else of it.
    pub metrics: Option<SocketAddr>,
}

/// A secret that is shown to prove who one is; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<[u8]>);

impl Token {
    /// The secret itself, to be shown.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is it, in a time that does not tell how much of it is.
    pub fn is(&self, shown: &[u8]) -> bool {
        let hash = |bytes: &[u8]| digest(&SHA256, bytes);
        verify_slices_are_equal(hash(&self.0).as_ref(), hash(shown).as_ref()).is_ok()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Where the admin listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// A port of the loopback.
    Tcp(SocketAddr),
    /// A socket in the file system, whose folder's rights say who may ask.
    Socket(PathBuf),
}

impl std::fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

/// The least bytes of a token.
const SHORTEST_TOKEN: usize = 16;

pub(super) fn compile(main: &Section<'_>) -> Option<AdminRules> {
    let section = main.section("admin")?;
    let token = section.text("token").and_then(|text| admin_token(&section, text));
    let metrics = section.text("metrics").and_then(|text| match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            section.report(Fault::error(section.place("metrics"), "not an address and port").hint("such as `0.0.0.0:9091`"));
            None
        }
    });
    Some(AdminRules { address: admin_address(&section)?, token, metrics })
}

/// A line end at the end of a file is not the secret's.
fn admin_token(section: &Section<'_>, text: &str) -> Option<Token> {
    let read = secret::read(section, "token", text, false)?;
    let token = read.trim_ascii();
    if token.len() < SHORTEST_TOKEN {
        let fault = Fault::error(section.place("token"), format!("a token of less than {SHORTEST_TOKEN} bytes can be guessed"));
        section.report(fault.hint("such as the output of `openssl rand -hex 32`"));
        return None;
    }
    Some(Token(token.into()))
}

fn admin_address(section: &Section<'_>) -> Option<AdminAddress> {
    match (section.text("address"), section.text("socket")) {
        (None, Some(path)) => Some(AdminAddress::Socket(files::resolve(section, path))),
        (Some(text), None) => {
            let address: Option<SocketAddr> = text.parse().ok();
            match address {
                None => section.report(Fault::error(section.place("address"), "not an address and port").hint("such as `127.0.0.1:9090`")),
                Some(address) if !address.ip().is_loopback() => {
                    let fault =
                        Fault::error(section.place("address"), "the admin listener tells strangers too much and must stay on loopback");
                    section.report(fault.hint("bind it to 127.0.0.1 or [::1]"));
                }
                Some(_) => {}
            }
            address.map(AdminAddress::Tcp)
        }
        _ => {
            section.report(Fault::error(section.here(), "`admin` needs either `address` or `socket`"));
            None
        }
    }
}
