//! Where traces and metrics are exported in OpenTelemetry's protocol.

use std::sync::Arc;
use std::time::Duration;

use document::{Fault, Section};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::addresses::is_loopback;
use super::headers::{API_KEY, is_reserved};
use super::network::Network;
use super::{secret, upstream};
use crate::upstream::UpstreamRules;

/// A collector of traces and metrics, spoken to in OTLP over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpRules {
    /// The collector; `/v1/traces` and `/v1/metrics` stand below its path.
    pub upstream: Arc<UpstreamRules>,
    /// What it is shown with every request, such as the key of a tenant there.
    pub headers: HeaderMap,
    /// Which of the traces that begin here are exported.
    pub sampling: Sampling,
    /// How often metrics are exported; `None`: never.
    pub metrics: Option<Duration>,
}

impl OtlpRules {
    /// What stays as it is until a restart. How the collector is reached and what it is shown may change.
    pub fn fixed(&self) -> Option<Duration> {
        self.metrics
    }
}

/// A part of all traces, chosen by their ids, so that whoever asks the same of the same ids chooses the same ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Of the 2⁵⁶ ends that an id may have, this many are taken.
    taken: u64,
}

impl Sampling {
    /// `ratio` of them, from 0 to 1.
    pub fn new(ratio: f64) -> Self {
        Self { taken: (ratio.clamp(0.0, 1.0) * (1_u64 << 56) as f64) as u64 }
    }

    /// Whether a trace is among them: its last seven bytes are random (Trace Context level 2, §2.2.5) and are held against the threshold
    /// that OpenTelemetry's samplers agree on, so the ones taken are the ones with the largest of them.
    pub fn takes(self, trace: &[u8; 16]) -> bool {
        let [.., a, b, c, d, e, f, g] = *trace;
        u64::from_be_bytes([0, a, b, c, d, e, f, g]) >= (1 << 56) - self.taken
    }
}

/// How often metrics are exported, where nothing is said: what OpenTelemetry's own exporters do.
const EVERY: Duration = Duration::from_mins(1);

/// The least time between two exports of metrics.
const LEAST: Duration = Duration::from_secs(1);

/// Reads `otlp`.
pub(super) fn compile(main: &Section<'_>, network: &Network) -> Option<OtlpRules> {
    let section = main.section("otlp")?;
    let url = section.required_text("url");
    let sampling = section.text("sample").map_or(Sampling::new(1.0), |text| ratio(&section, text));
    let metrics = match section.text("metrics_every") {
        Some("never") => None,
        Some(_) => section.duration("metrics_every"),
        None => Some(EVERY),
    };
    if metrics.is_some_and(|every| every < LEAST) {
        let fault = Fault::error(section.place("metrics_every"), "metrics are exported every second at most");
        section.report(fault.hint("such as `60s`, or `never`"));
    }
    let headers = headers(&section);
    let upstream = network.out(upstream::of_url(&section, "url", url?, network)?);
    if let Some(signal) = ["/v1/traces", "/v1/metrics"].into_iter().find(|path| upstream.url.path.trim_end_matches('/').ends_with(path)) {
        let fault = Fault::error(section.place("url"), format!("`{signal}` is appended to the URL, and stands in it already"));
        section.report(fault.hint("the collector's own address: such as `https://otel.example:4318`"));
    }
    let is_direct = upstream.proxy.is_none() || upstream.endpoints.iter().all(|endpoint| endpoint.direct);
    let is_near = is_direct && is_loopback(&upstream.url.host);
    if upstream.tls.is_none() && !headers.is_empty() && !is_near {
        let fault = Fault::warning(section.place("url"), "what the collector is shown goes to it in the clear");
        section.report(fault.hint("`https://`, or a collector on this machine that forwards to the next one"));
    }
    if cfg!(not(feature = "otlp")) {
        let fault = Fault::error(section.here(), "this `varco` was built without OTLP");
        section.report(fault.hint("build it with the feature `otlp`, or take `otlp` out"));
    }
    Some(OtlpRules { upstream: Arc::new(upstream), headers, sampling, metrics })
}

fn ratio(section: &Section<'_>, text: &str) -> Sampling {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    if ratio.is_none() {
        let fault = Fault::error(section.place("sample"), format!("`{text}` is no part of all traces"));
        section.report(fault.hint("from `0`, none of those that begin here, to `1`, all: such as `0.1`"));
    }
    ratio.map_or_else(Sampling::default, Sampling::new)
}

/// `headers: { x-api-key: env:NAME }`
fn headers(section: &Section<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, text, place) in section.named_texts("headers") {
        let fault = |message: String| section.report(Fault::error(place.clone(), message));
        let Some(secret) = secret::read(section, "headers", text, false) else { continue };
        let read = HeaderName::from_bytes(name.text.as_bytes()).ok().zip(HeaderValue::from_bytes(secret.trim_ascii()).ok());
        match read {
            // What frames a message, codes it or says where it goes is the protocol's to say.
            Some((name, _)) if name != AUTHORIZATION && name != API_KEY && is_reserved(&name) => {
                fault(format!("`{name}` is not for you to set"));
            }
            Some((name, mut value)) => {
                value.set_sensitive(true);
                if headers.insert(&name, value).is_some() {
                    fault(format!("`{name}` stands twice"));
                }
            }
            None => fault(format!("`{}` and what it names are no header", name.text)),
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_part_that_is_asked_for() {
        let id = |end: u64| {
            let mut trace = [0xff; 16];
            trace[9..].copy_from_slice(&end.to_be_bytes()[1..]);
            trace
        };
        let most = (1 << 56) - 1;
        for (ratio, end, taken) in
            [(0.0, most, false), (1.0, 0, true), (0.5, 1 << 55, true), (0.5, (1 << 55) - 1, false), (0.25, 3 << 54, true), (0.25, 0, false)]
        {
            assert_eq!(Sampling::new(ratio).takes(&id(end)), taken, "{ratio} of {end}");
        }
        assert!(!Sampling::default().takes(&id(most)));
    }
}
