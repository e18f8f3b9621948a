use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use exchange::ExchangeId;

/// The output of SHA-256.
pub(crate) type Digest = [u8; 32];

pub(crate) fn sha256(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    digest_of(context)
}

pub(crate) fn digest_of(context: Context) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// A salted commitment to one value: SHA-256 of `varco-commit/v1`, 0, the field's name, 0, the 32-byte salt and the value.
///
/// With the salt one field can be disclosed and proven without opening the others. Without it the value cannot be guessed, however
/// small it is. A commitment whose salt nobody can have again proves nothing: records leave it out where there are no [`Salts`].
pub fn commitment(field: &str, salt: &[u8; 32], value: &[u8]) -> [u8; 32] {
    sha256(&[b"varco-commit/v1\0", field.as_bytes(), b"\0", salt, value])
}

/// The salts of commitments, of a secret that an installation keeps: each is that of one field of one record and tells nothing of any other
/// (HMAC-SHA-256). Whoever has the secret can open commitments, or find the records that one value was committed to; once it is destroyed
/// nobody can.
pub struct Salts(hmac::Key);

impl Salts {
    /// The fewest bytes of the secret.
    pub const SHORTEST: usize = 32;

    /// Those of this secret; `None` where it is too short.
    pub fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() >= Self::SHORTEST).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// The commitment to a value of this field in the record of this exchange.
    pub fn commitment(&self, field: &str, id: ExchangeId, value: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [b"varco-salt/v1\0", field.as_bytes(), b"\0", id.to_string().as_bytes()] {
            context.update(part);
        }
        let mut salt = [0; 32];
        salt.copy_from_slice(context.sign().as_ref());
        commitment(field, &salt, value)
    }
}

impl std::fmt::Debug for Salts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salts(…)")
    }
}

/// The Merkle leaf of a record (RFC 6962 §2.1, RFC 9162 §2.1): SHA-256 of a zero byte and the record's bytes as stored.
pub fn leaf_hash(record: &[u8]) -> [u8; 32] {
    sha256(&[&[0], record])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_commitment_counts() {
        let base = commitment("com.req", &[7; 32], b"body");
        assert_ne!(base, commitment("com.res", &[7; 32], b"body"));
        assert_ne!(base, commitment("com.req", &[8; 32], b"body"));
        assert_ne!(base, commitment("com.req", &[7; 32], b"bodz"));
        let whole = [b"varco-commit/v1\0com.req\0".as_slice(), &[7; 32], b"body"].concat();
        assert_eq!(base, sha256(&[&whole]));
    }

    #[test]
    fn a_salt_is_of_one_field_of_one_record_and_of_one_secret() {
        assert!(Salts::new(&[1; 31]).is_none());
        let salts = Salts::new(&[1; 32]).expect("long enough");
        let id = |last: u8| ExchangeId::parse(&format!("019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a0{last}")).expect("an id");
        let base = salts.commitment("case", id(4), b"2026/17");
        assert_eq!(base, salts.commitment("case", id(4), b"2026/17"));
        let others = [
            salts.commitment("case", id(5), b"2026/17"),
            salts.commitment("com.subj", id(4), b"2026/17"),
            salts.commitment("case", id(4), b"2026/18"),
            Salts::new(&[2; 32]).expect("long enough").commitment("case", id(4), b"2026/17"),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn the_empty_leaf_is_the_one_of_rfc_6962() {
        let mut hex = Vec::new();
        crate::jcs::push_hex(&mut hex, &leaf_hash(b""));
        assert_eq!(hex, b"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }
}
