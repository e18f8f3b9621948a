use super::Operation;
use super::write::push_digest;
use crate::jcs::{Object, key};

/// A value of a record in canonical form, written once where many records hold the same.
#[derive(Clone, Debug)]
pub struct Fixed(Box<[u8]>);

impl Fixed {
    /// A SHA-256 (`sha256:` and lower-case hex).
    pub fn digest(digest: &[u8; 32]) -> Self {
        let mut out = b"\"".to_vec();
        push_digest(&mut out, digest);
        out.push(b'"');
        Self(out.into())
    }

    /// An operation (`op`).
    pub fn operation(operation: &Operation<'_>) -> Self {
        let mut out = Vec::new();
        let mut o = Object::open(&mut out);
        o.integer(key!("crud"), operation.crud.map(u64::from));
        o.string(key!("id"), operation.id);
        o.string(key!("method"), operation.method);
        o.string(key!("route"), operation.route);
        // The only integer has eight bits.
        let _ = o.close();
        Self(out.into())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
