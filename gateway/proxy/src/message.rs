//! What travels through the stack: a request on its way down and the response on its way up.

use std::sync::Arc;

use bytes::Bytes;
use exchange::{Call, Json};
use http::{HeaderMap, Method, StatusCode, Uri, Version};

use adapter_api::UpstreamRequest;

use crate::body::{CallerBody, UpstreamStream};
use crate::exchange::Exchange;

/// A request on its way down: boxed, so that each stage passes a pointer on and not the whole of it.
pub type Request = Box<RequestMessage>;

/// What a request holds. What a stage learns of it goes into the [`Exchange`]; what it turns it into stays here.
pub struct RequestMessage {
    /// The exchange that this request began.
    pub exchange: Arc<Exchange>,
    /// The method.
    pub method: Method,
    /// The target as received.
    pub uri: Uri,
    /// The protocol that it came over.
    pub version: Version,
    /// The headers that are still the caller's: each stage takes out what it consumed.
    pub headers: HeaderMap,
    /// The body.
    pub body: RequestBody,
    /// The call that the message means, from the dialect stage on.
    pub call: Option<Box<Call>>,
    /// What the upstream is asked, from the adapter on.
    pub upstream: Option<UpstreamRequest>,
}

/// The body of a request.
pub enum RequestBody {
    /// Not read: nobody needed it yet.
    Unread(Box<CallerBody>),
    /// Read whole, within the budget.
    Held(Bytes),
}

impl RequestMessage {
    /// The call, which every stage below `dialect` may rely on.
    pub fn call(&self) -> &Call {
        self.call.as_ref().expect("the dialect stage stands above and makes the call")
    }
}

/// A response on its way up.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: ResponseBody,
}

/// The body of a response.
#[derive(Debug)]
pub enum ResponseBody {
    /// Held whole.
    Held(Bytes),
    /// Held whole, and read as JSON because a stage needed it.
    Json(Json),
    /// Passing through from the upstream.
    Streamed(Box<UpstreamStream>),
}

impl Response {
    /// A response held whole.
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body: ResponseBody::Held(body) }
    }
}

impl ResponseBody {
    /// The bytes, if they are held.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Held(bytes) => Some(bytes),
            Self::Json(json) => Some(json.bytes()),
            Self::Streamed(_) => None,
        }
    }
}
