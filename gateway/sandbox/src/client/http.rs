use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The largest answer that is read.
const ANSWER_LIMIT: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not `http://host:port/path`.
    #[error("only absolute http URLs are called: {0}")]
    Url(String),
    /// Nobody listens there.
    #[error("{address} cannot be reached: {error}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The connection ended or spoke no HTTP.
    #[error("the exchange with the server broke off: {0}")]
    Broken(#[from] hyper::Error),
    /// The answer was longer than 64 MiB, or ended before its length.
    #[error("the answer could not be read whole: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// Nothing came within the time given.
    #[error("no whole answer within {0:?}")]
    Late(Duration),
    /// A token request that was refused.
    #[error("the token endpoint refused with {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: http::StatusCode,
        /// What it said.
        body: String,
    },
    /// An answer of the token endpoint without a token, or a key that does not sign.
    #[error("{0}")]
    Unusable(String),
}

/// Sends one request to an absolute `http://` URL on a connection of its own and reads the answer whole.
///
/// Plain HTTP/1.1 to a loopback address is all that it is for: no TLS, no redirects, no pool.
pub async fn send(request: Request<Bytes>, within: Duration) -> Result<Response<Bytes>, ClientError> {
    timeout(within, exchange(request)).await.map_err(|_| ClientError::Late(within))?
}

async fn exchange(request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
    let (mut parts, body) = request.into_parts();
    let uri = std::mem::take(&mut parts.uri);
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).map(ToString::to_string);
    let authority = authority.ok_or_else(|| ClientError::Url(uri.to_string()))?;
    let address = if authority.contains(':') { authority.clone() } else { format!("{authority}:80") };
    parts.uri = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).parse().map_err(|_| ClientError::Url(uri.to_string()))?;
    if let Ok(host) = HeaderValue::from_str(&authority) {
        parts.headers.entry(header::HOST).or_insert(host);
    }
    let stream = TcpStream::connect(&address).await.map_err(|error| ClientError::Connect { address, error })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(ClientError::Body)?.to_bytes();
    driving.abort();
    Ok(Response::from_parts(parts, body))
}
