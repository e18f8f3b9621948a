use exchange::{ExchangeId, Timestamp};

use crate::jcs::{Canonical, JcsError};
use crate::member;

/// A stored record, read only as far as a list or a filter needs it.
#[derive(Clone, Copy, Debug)]
pub struct LeafView<'a>(&'a [u8]);

impl<'a> LeafView<'a> {
    /// A view of a frame's payload.
    pub fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    /// The record's bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The exchange it is about.
    pub fn id(self) -> Option<ExchangeId> {
        member::exchange_id(self.0)
    }

    /// A top-level member that is a plain string: `ev`, `out`, `t0`, `t1`, `stage`, `err`.
    pub fn text(self, name: &str) -> Option<&'a str> {
        member::text(self.0, name)
    }

    /// The raw text of a top-level member.
    pub fn raw(self, name: &str) -> Option<&'a [u8]> {
        member::raw(self.0, name)
    }
}

/// The record of an exchange whose begin no end followed: what the begin said, with `ev`, `out` and `t1` set.
///
/// Data may have been read and nobody can hide it; what is not known is how it ended. `recovered` is the instant of recovery.
pub fn orphaned<'o>(begin: Canonical<'_>, recovered: Timestamp, out: &'o mut Vec<u8>) -> Result<Canonical<'o>, JcsError> {
    let t1 = format!("\"{recovered}\"");
    let ours: [(&[u8], &[u8]); 3] = [(b"ev", b"\"exchange.orphaned\""), (b"out", b"\"unknown\""), (b"t1", t1.as_bytes())];
    let kept = member::members(begin.bytes()).filter(|(name, _)| ours.iter().all(|(mine, _)| mine != name));
    let mut members: Vec<(&[u8], &[u8])> = kept.chain(ours).collect();
    members.sort_unstable();
    let start = out.len();
    for (at, (name, value)) in members.into_iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
        out.extend_from_slice(name);
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value);
    }
    out.push(b'}');
    Canonical::check(&out[start..])
}
