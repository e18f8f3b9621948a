/// The names of one environment of PDND. None of them has a scheme: they are compared as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `iss` of its vouchers.
    pub issuer: String,
    /// `aud` of client assertions.
    pub assertion_audience: String,
    /// `aud` of vouchers for PDND's own API.
    pub api_audience: String,
}

impl Environment {
    /// The environment of this name, in a domain that nobody has: `sandbox` gives the issuer `sandbox.interop.example`.
    pub fn named(name: &str) -> Self {
        Self {
            issuer: format!("{name}.interop.example"),
            assertion_audience: format!("auth.{name}.interop.example/client-assertion"),
            api_audience: format!("{name}.interop.example/m2m"),
        }
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self::named("sandbox")
    }
}
