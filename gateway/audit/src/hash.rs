use aws_lc_rs::digest::{Context, SHA256};

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
/// With the salt, which belongs in the sealed part, one field can be disclosed and proven without opening the others. Without
/// it the value cannot be guessed, however small it is. Until the sealed part exists nobody keeps the salts, and a commitment
/// that can never be opened proves nothing: records then leave `com` out.
pub fn commitment(field: &str, salt: &[u8; 32], value: &[u8]) -> [u8; 32] {
    sha256(&[b"varco-commit/v1\0", field.as_bytes(), b"\0", salt, value])
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
    fn the_empty_leaf_is_the_one_of_rfc_6962() {
        let mut hex = Vec::new();
        crate::jcs::push_hex(&mut hex, &leaf_hash(b""));
        assert_eq!(hex, b"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }
}
