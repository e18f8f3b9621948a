//! A document compiled.

use std::fmt;

use bytes::Bytes;
use document::Place;
use exchange::{JsonLimits, OperationIndex, OperationSpec, Pointer};
use http::{HeaderMap, HeaderName, Method, StatusCode};

use crate::answer::{self, AnswerCheck, AnswerRule, Answered};
use crate::credentials::{MissingCredentials, Shown};
use crate::definitions::SchemaId;
use crate::names::Names;
use crate::parameter::Parameter;
use crate::request::{CheckedRequest, ContractError, Payload, RequestParts, RequestRules};
use crate::route::{RouteMatch, Routes};
use crate::security::Promise;
use crate::shape::Shapes;
use crate::violation::Violation;
use crate::xml::XmlGraph;

/// An OpenAPI document compiled: routes, and the rules for each operation's requests and answers.
pub struct Contract {
    pub(crate) specs: Vec<OperationSpec>,
    pub(crate) rules: Vec<Rules>,
    pub(crate) routes: Routes,
    pub(crate) base_paths: Vec<String>,
    pub(crate) names: Names,
    pub(crate) xml: XmlGraph,
    pub(crate) shapes: Shapes,
    pub(crate) limits: JsonLimits,
    pub(crate) tells_values: bool,
    pub(crate) hash: [u8; 32],
    pub(crate) status: Option<OperationIndex>,
}

/// What every message is held against beside the rules of its operation.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'c> {
    pub(crate) names: &'c Names,
    /// How bodies are written as XML.
    pub(crate) xml: &'c XmlGraph,
    pub(crate) limits: &'c JsonLimits,
    /// Whether callers may be told their own values.
    pub(crate) tells_values: bool,
}

/// What one operation asks.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) request: RequestRules,
    pub(crate) answers: Vec<AnswerRule>,
    pub(crate) needs_request_body: bool,
    pub(crate) needs_answer_body: bool,
    /// The schemas of its successes.
    pub(crate) successes: Vec<SchemaId>,
    pub(crate) promise: Option<Promise>,
}

impl Contract {
    /// The operations, in the order of the document; their positions are the indices that all else speaks of.
    pub fn operations(&self) -> &[OperationSpec] {
        &self.specs
    }

    /// The paths under which the document says that its operations are: those of its servers, without a slash at the end; none where it
    /// lists no servers.
    pub fn base_paths(&self) -> &[String] {
        &self.base_paths
    }

    /// The operation of a method and a path below the e-service's base path, as received (percent-encoded).
    pub fn route(&self, method: &Method, path: &str) -> RouteMatch<'_> {
        self.routes.at(method, path)
    }

    /// Whether the document lists this very media type for the operation's requests; a range that takes it in does not count.
    pub fn takes(&self, operation: OperationIndex, media_type: &str) -> bool {
        self.rules[operation].request.body.as_ref().is_some_and(|body| body.content.lists(media_type))
    }

    /// The headers that the document lists as parameters of requests, or keys stand in, each as often as an operation lists it.
    pub fn request_headers(&self) -> impl Iterator<Item = &HeaderName> {
        let parameters = self.rules.iter().flat_map(|rules| &rules.request.parameters).filter_map(Parameter::header);
        parameters.chain(self.rules.iter().flat_map(|rules| rules.request.credentials.headers()))
    }

    /// Whether the operation's query is one value, in which the order of what looks like pairs may mean something.
    pub fn has_whole_query(&self, operation: OperationIndex) -> bool {
        self.rules[operation].request.whole_query.is_some()
    }

    /// What the document promises of an operation; `None` where it says nothing of who may call.
    pub fn promise(&self, operation: OperationIndex) -> Option<&Promise> {
        self.rules[operation].promise.as_ref()
    }

    /// Whether a caller shows what the operation asks for, and in its form. Whether it is true is not looked at.
    pub fn check_credentials(&self, operation: OperationIndex, shown: Shown<'_>) -> Result<(), MissingCredentials> {
        self.rules[operation].request.credentials.check(shown)
    }

    /// Whether the operation's requests are to be held whole: a JSON body has a schema.
    pub fn needs_request_body(&self, operation: OperationIndex) -> bool {
        self.rules[operation].needs_request_body
    }

    /// Whether the operation's answers are to be held whole: a JSON body has a schema.
    pub fn needs_answer_body(&self, operation: OperationIndex) -> bool {
        self.rules[operation].needs_answer_body
    }

    fn terms(&self) -> Terms<'_> {
        Terms { names: &self.names, xml: &self.xml, limits: &self.limits, tells_values: self.tells_values }
    }

    /// Holds a request against its operation.
    pub fn check_request(
        &self,
        operation: OperationIndex,
        parts: RequestParts<'_>,
        payload: Payload,
    ) -> Result<CheckedRequest, ContractError> {
        self.rules[operation].request.check(parts, payload, self.terms())
    }

    /// Holds nothing of a request but its body against its operation.
    pub(crate) fn check_request_body(&self, operation: OperationIndex, headers: &HeaderMap, body: Bytes) -> Vec<Violation> {
        self.rules[operation].request.check_body(headers, body, self.terms())
    }

    /// Holds an answer against its operation. What becomes of it is [`crate::verdict`]'s to say.
    pub fn check_answer(&self, operation: OperationIndex, status: StatusCode, headers: &HeaderMap, payload: Payload) -> AnswerCheck {
        let answered = Answered { method: &self.specs[operation].method, status, headers, payload };
        // What drifts goes into records, whoever may be told what.
        answer::check(&self.rules[operation].answers, answered, Terms { tells_values: false, ..self.terms() })
    }

    /// Where a success of the operation is required to hold what a pointer names, so that withholding it would break the
    /// contract. Alternatives count as soon as one of them requires it.
    pub fn required_in_answer(&self, operation: OperationIndex, pointer: &Pointer) -> Option<&Place> {
        self.shapes.requires(&self.rules[operation].successes, pointer)
    }

    /// Whether a success of the operation may hold what a pointer names. A pointer that no success can hold withholds nothing:
    /// it is a misspelt one.
    pub fn knows_in_answer(&self, operation: OperationIndex, pointer: &Pointer) -> bool {
        self.shapes.knows(&self.rules[operation].successes, pointer)
    }

    /// `GET /status` (ModI RAC_REST_NAME_011), where the document has it or [`crate::CompileOptions::status`] adds it.
    pub fn status_operation(&self) -> Option<OperationIndex> {
        self.status
    }

    /// A digest of the document and of what it was compiled with: the same for the same meaning, whatever the order of
    /// keys, the comments and the layout.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").field("operations", &self.specs.len()).finish_non_exhaustive()
    }
}
