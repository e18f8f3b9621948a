//! A test authority and the certificates it signs.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

/// An authority whose certificates and keys lie in a folder as PEM files.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one; its own certificate is `<name>.pem`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("a folder can be written to");
        Self { issuer: Issuer::new(params, key) }
    }

    /// Signs a certificate for these host names, or for a client if there are none: `<name>.pem` and `<name>.key`.
    pub(crate) fn sign(&self, folder: &Path, name: &str, hosts: &[&str]) {
        let mut params = CertificateParams::new(hosts.iter().map(ToString::to_string).collect::<Vec<_>>()).expect("host names");
        params.distinguished_name.push(DnType::CommonName, name);
        let usage = if hosts.is_empty() { ExtendedKeyUsagePurpose::ClientAuth } else { ExtendedKeyUsagePurpose::ServerAuth };
        params.extended_key_usages = vec![usage];
        params.serial_number = Some(serial(name));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("a folder can be written to");
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).expect("a folder can be written to");
    }

    /// Withdraws the certificates of these names, in a list that holds until this year begins: `<name>.crl`.
    pub(crate) fn withdraw(&self, folder: &Path, name: &str, withdrawn: &[&str], until: i32) {
        let then = rcgen::date_time_ymd(2020, 1, 1);
        let revoked = |name: &&str| RevokedCertParams {
            serial_number: serial(name),
            revocation_time: then,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: then,
            next_update: rcgen::date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: withdrawn.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("a list").pem().expect("PEM");
        std::fs::write(folder.join(format!("{name}.crl")), list).expect("a folder can be written to");
    }
}

/// The serial number of the certificate of a name.
fn serial(name: &str) -> SerialNumber {
    SerialNumber::from(name.bytes().fold(7, |number: u64, byte| number.wrapping_mul(31) + u64::from(byte)) >> 1)
}
