use std::fmt;
use std::path::PathBuf;

use adapter_api::{
    Adapter, AdapterError, Answer, AnswerBody, Body, Call, ForwardedHeaders, Json, JsonLimits, Needs, OperationIndex, Problem,
    UpstreamAnswer, UpstreamBody, UpstreamRequest,
};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::mapping::Exposed;
use crate::operation::{ErrorWhen, Operation, Output};
use crate::plan::Plan;
use crate::problem;
use crate::read::{ReadError, Reading, read_answer};
use crate::write::envelope;

/// An adapter to a SOAP service.
pub struct SoapAdapter {
    plan: Plan,
    /// By the contract's index; none for one that the gateway answers itself.
    operations: Vec<Option<Operation>>,
    exposed: Exposed,
    files: Vec<PathBuf>,
}

/// What it does, which a digest is made of: where its files lay is no part of that.
impl fmt::Debug for SoapAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, operations, exposed, files: _ } = self;
        f.debug_struct("SoapAdapter").field("plan", plan).field("operations", operations).field("exposed", exposed).finish()
    }
}

impl SoapAdapter {
    pub(crate) fn new(plan: Plan, operations: Vec<Option<Operation>>, exposed: Exposed) -> Self {
        Self { plan, operations, exposed, files: Vec::new() }
    }

    /// The same, knowing its files.
    pub(crate) fn compiled_from(self, files: Vec<PathBuf>) -> Self {
        Self { files, ..self }
    }

    /// The plan and the first operation's content, for tests that draw values of it.
    #[cfg(test)]
    pub(crate) fn plan_and_input(&self) -> (&Plan, &crate::plan::Element) {
        let input = self.operations.iter().flatten().next().and_then(|operation| operation.input.as_ref()).expect("an input");
        (&self.plan, &input.element)
    }

    fn operation(&self, index: OperationIndex) -> Result<&Operation, AdapterError> {
        let none = || AdapterError::Call(Problem::new(404, "operation-unknown", "the operation is not known here"));
        self.operations.get(index).and_then(Option::as_ref).ok_or_else(none)
    }

    /// What stands in the bytes of an answer, as the answer to a call.
    fn read(&self, operation: &Operation, bytes: &[u8], charset: Option<&str>) -> Result<Answer, AdapterError> {
        match read_answer(bytes, charset, &self.plan, operation) {
            Ok(Reading::Empty) => Ok(empty(operation)),
            Ok(Reading::Value(out, wanted)) => {
                let body = Bytes::from(out).slice(wanted);
                match &operation.error_when {
                    Some(rule) => {
                        failed(rule, &body).map_or_else(|| Ok(json(body.clone())), |problem| Err(AdapterError::Upstream(problem)))
                    }
                    None => Ok(json(body)),
                }
            }
            Ok(Reading::Fault(fault)) => Err(AdapterError::Upstream(problem::of_fault(operation, &fault, self.exposed))),
            Err(ReadError::Content { detail, place }) => Err(AdapterError::Answer { detail, place }),
            Err(error) => Err(AdapterError::Answer { detail: error.to_string(), place: "/".into() }),
        }
    }
}

impl Adapter for SoapAdapter {
    fn needs(&self, _operation: OperationIndex) -> Needs {
        Needs { request: true, answer: true }
    }

    /// The path is empty: an envelope goes to the configured address as it is.
    fn request(&self, call: &mut Call) -> Result<UpstreamRequest, AdapterError> {
        let operation = self.operation(call.operation)?;
        let out = envelope(&self.plan, operation, call).map_err(|refused| AdapterError::Call(refused.problem()))?;
        Ok(UpstreamRequest {
            method: Method::POST,
            path_and_query: String::new(),
            headers: operation.headers.clone(),
            body: UpstreamBody::Bytes(out.into()),
        })
    }

    /// The envelope decides, not the HTTP status: faults come with 200, and answers with 500.
    fn answer(&self, call: &Call, answer: UpstreamAnswer) -> Result<Answer, AdapterError> {
        let operation = self.operation(call.operation)?;
        let bytes = match &answer.body {
            Body::Empty => Bytes::new(),
            Body::Bytes(bytes) => bytes.clone(),
            Body::Json(json) => json.bytes().clone(),
            Body::Streamed => {
                return Err(AdapterError::Answer { detail: "the answer was not held whole".into(), place: "/".into() });
            }
        };
        let media = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (kind, parameters) = media.split_once(';').unwrap_or((media, ""));
        let kind = kind.trim().to_ascii_lowercase();
        if matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) && !kind.ends_with("xml") {
            return Err(AdapterError::Upstream(busy(&answer.headers)));
        }
        if bytes.is_empty() {
            return match &operation.output {
                Output::OneWay | Output::Empty if answer.status.is_success() => Ok(empty(operation)),
                _ => Err(AdapterError::Answer {
                    detail: format!("an empty answer with status {}", answer.status.as_u16()),
                    place: "/".into(),
                }),
            };
        }
        if matches!(kind.as_str(), "text/html" | "application/xhtml+xml") {
            let detail = format!("a page of HTML with status {}, not an envelope", answer.status.as_u16());
            return Err(AdapterError::Answer { detail, place: "/".into() });
        }
        if kind.starts_with("multipart/") {
            return Err(AdapterError::Answer { detail: "the answer has attachments, which are not mapped".into(), place: "/".into() });
        }
        self.read(operation, &bytes, charset(parameters)).map_err(|error| match error {
            AdapterError::Answer { detail, place } if !answer.status.is_success() && place == "/" => {
                AdapterError::Answer { detail: format!("{detail}; its status is {}", answer.status.as_u16()), place }
            }
            other => other,
        })
    }

    fn forwarded_headers(&self) -> ForwardedHeaders<'_> {
        ForwardedHeaders::Only(&[])
    }

    fn name(&self) -> &'static str {
        "soap"
    }

    fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

fn charset(parameters: &str) -> Option<&str> {
    let named = |parameter: &&str| parameter.trim_start().get(..8).is_some_and(|name| name.eq_ignore_ascii_case("charset="));
    let value = parameters.split(';').find(named)?.trim();
    value.get(8..).map(|value| value.trim_matches('"')).filter(|value| !value.is_empty())
}

fn json(body: Bytes) -> Answer {
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Answer { status: StatusCode::OK, headers, body: AnswerBody::Bytes(body) }
}

/// A one-way message was taken, not acted upon (SOAP 1.1 §6.2 of the Basic Profile): 202. An empty answer is 204.
fn empty(operation: &Operation) -> Answer {
    let status = if matches!(operation.output, Output::OneWay) { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT };
    Answer { status, headers: HeaderMap::new(), body: AnswerBody::Bytes(Bytes::new()) }
}

fn busy(headers: &HeaderMap) -> Problem {
    let problem = Problem::new(503, "upstream-busy", "the upstream is busy");
    match headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse::<u32>().ok()) {
        Some(seconds) => problem.with("retryAfter", seconds),
        None => problem,
    }
}

/// The problem that an answer's own content says it is.
fn failed(rule: &ErrorWhen, body: &Bytes) -> Option<Problem> {
    let json = Json::read(body.clone(), &JsonLimits { values: 10_000_000, ..JsonLimits::default() }).ok()?;
    let found = rule.path.iter().try_fold(json.root(), |node, name| node.get(name))?;
    let text = found.as_str().unwrap_or_else(|| found.raw());
    (text == &*rule.equals).then(|| problem::of_rule(&rule.refusal))
}
