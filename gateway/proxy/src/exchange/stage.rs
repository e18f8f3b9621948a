//! The stages of the way, as records, metrics and refusals name them.

/// The stages, for refusals, times and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    /// Limits of the head, and which e-service.
    Route,
    /// Who calls.
    Authenticate,
    /// How much they may.
    Admit,
    /// The body.
    Read,
    /// What was signed.
    Integrity,
    /// The message becomes a call.
    Dialect,
    /// The call against the contract.
    Contract,
    /// May they.
    Policy,
    /// The cache.
    Lookup,
    /// The adapter, on the way down.
    Adapt,
    /// What the provider is shown.
    Voucher,
    /// The begin frame.
    Begin,
    /// The upstream, until its answer is whole or its head is here.
    Upstream,
    /// The way up.
    Answer,
    /// The record.
    Record,
}

impl Stage {
    /// How many there are.
    pub const COUNT: usize = 15;

    /// All of them, in the order of the way.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Route,
        Self::Authenticate,
        Self::Admit,
        Self::Read,
        Self::Integrity,
        Self::Dialect,
        Self::Contract,
        Self::Policy,
        Self::Lookup,
        Self::Adapt,
        Self::Voucher,
        Self::Begin,
        Self::Upstream,
        Self::Answer,
        Self::Record,
    ];

    /// The word in records, metrics and the demo.
    pub fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Authenticate => "authenticate",
            Self::Admit => "admit",
            Self::Read => "read",
            Self::Integrity => "integrity",
            Self::Dialect => "dialect",
            Self::Contract => "contract",
            Self::Policy => "policy",
            Self::Lookup => "lookup",
            Self::Adapt => "adapter",
            Self::Voucher => "voucher",
            Self::Begin => "begin",
            Self::Upstream => "upstream",
            Self::Answer => "answer",
            Self::Record => "record",
        }
    }
}
