//! What a department shows to be known: a key, a certificate, the token of its portal, or several of them.

use aws_lc_rs::digest::{SHA256, digest};
use document::{Fault, Place, Section};

use super::{secret, tls};

/// What a department shows. All of it, where it is more than one thing; none of it stands in the configuration itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// SHA-256 of its key.
    pub key: Option<[u8; 32]>,
    /// SHA-256 of the certificates that it may show: one of them, the next beside the last while it is renewed.
    pub certificates: Vec<[u8; 32]>,
    /// What the token of its portal says, by the names of claims.
    pub token: Vec<(Box<str>, Box<str>)>,
}

/// SHA-256 of no bytes.
const EMPTY: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
    0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Reads `key`, `certificate` and `token` of a department. `None` where there is a fault.
pub(super) fn compile(section: &Section<'_>, has_portal: bool) -> Option<Credentials> {
    let named = ["key", "certificate", "token"].map(|key| section.node(key).is_some());
    if named == [false; 3] {
        let fault = Fault::error(section.here(), format!("`{}` needs `key`, `certificate` or `token`", section.name()));
        section.report(fault.hint("what it shows to be known: `key: \"sha256:…\"` of the key in its `X-Api-Key`, for one"));
        return None;
    }
    let key = section.text("key").map(|text| key(section, text));
    let certificates: Vec<_> = section.texts("certificate").into_iter().map(|(text, place)| certificate(section, text, place)).collect();
    let token = section.named_texts("token").into_iter().map(|(claim, text, _)| (claim.text.as_str().into(), text.into())).collect();
    if named[2] && !has_portal {
        let fault = Fault::error(section.place("token"), "a token is a portal's, and the e-service has none");
        section.report(fault.hint("name it with `portal`"));
    }
    let read = Credentials {
        key: key.unwrap_or_default(),
        certificates: certificates.iter().copied().collect::<Option<_>>().unwrap_or_default(),
        token,
    };
    let whole = [read.key.is_some(), !read.certificates.is_empty(), !read.token.is_empty()];
    if named[1] && certificates.is_empty() {
        let fault = Fault::error(section.place("certificate"), "no certificate is named");
        section.report(fault.hint("leave it out where the department shows none"));
    }
    for (claim, value) in &read.token {
        if value.is_empty() || ["iss", "aud"].contains(&&**claim) {
            let fault = Fault::error(section.place("token"), format!("`{claim}` does not tell one department from another"));
            section.report(fault.hint("a claim that only its tokens have: such as `{ azp: casa-digitale }`"));
        }
    }
    if named[2] && read.token.is_empty() {
        section.report(Fault::error(section.place("token"), "no claim is named").hint("such as `{ azp: casa-digitale }`"));
    }
    (named == whole).then_some(read)
}

fn key(section: &Section<'_>, text: &str) -> Option<[u8; 32]> {
    let Some(digest) = text.strip_prefix("sha256:").and_then(sha256) else {
        let fault = Fault::error(section.place("key"), format!("`{}.key` should be `sha256:` and 64 hexadecimal digits", section.name()));
        section.report(fault.hint("printf %s \"$KEY\" | sha256sum, of a key such as `openssl rand -hex 32` gives"));
        return None;
    };
    if digest == EMPTY {
        let fault = Fault::error(section.place("key"), format!("`{}.key` is the digest of nothing", section.name()));
        section.report(fault.hint("the variable that should hold the key was empty"));
        return None;
    }
    Some(digest)
}

/// A certificate by its fingerprint, or as a file.
fn certificate(section: &Section<'_>, text: &str, place: Place) -> Option<[u8; 32]> {
    if let Some(fingerprint) = text.strip_prefix("sha256:") {
        let read = sha256(fingerprint);
        if read.is_none() {
            let fault = Fault::error(place, format!("`{}.certificate` should be `sha256:` and 64 hexadecimal digits", section.name()));
            section.report(fault.hint("openssl x509 -in c.pem -noout -fingerprint -sha256; or the path of the file itself"));
        }
        return read;
    }
    let pem = secret::read(section, "certificate", text, true)?;
    let chain = tls::certificates(section, "certificate", &pem)?;
    chain.first().map(|first| fingerprint(first))
}

/// SHA-256 of a certificate in DER.
pub(crate) fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
    fingerprint
}

/// 64 hexadecimal digits, with colons between bytes or without.
fn sha256(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text.replace(':', ""), &mut digest).ok()?;
    Some(digest)
}
