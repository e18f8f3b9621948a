//! A new connection to an upstream: TCP, TLS where asked, and the handshake of HTTP.

use std::time::{Duration, Instant};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::http1::Http1;
use super::pool::{Connection, Sender};
use crate::config::UpstreamTls;

use super::{Endpoint, Protocol, Proxy, UpstreamError, UpstreamRules};

/// How often an h2 connection with requests under way is asked whether it lives, and within what time it has to say so.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
const ALIVE_WITHIN: Duration = Duration::from_secs(5);

/// Names are looked up anew for each connection: a change of address is followed as fast as connections grow old.
pub(super) async fn connect(rules: &UpstreamRules, endpoint: &Endpoint) -> Result<Connection, UpstreamError> {
    let to = |host: &str, port: u16| TcpStream::connect((host.to_owned(), port));
    let failed = |error: std::io::Error| UpstreamError::Connect(error.kind().to_string());
    let stream = match rules.proxy.as_ref().filter(|_| !endpoint.direct) {
        None => to(&endpoint.host, endpoint.port).await.map_err(failed)?,
        Some(proxy) => {
            let mut stream = to(&proxy.host, proxy.port).await.map_err(|error| Tunnel::NoProxy(error.kind()))?;
            tunnel(&mut stream, proxy, endpoint).await?;
            stream
        }
    };
    // Without it the second half of a small request would wait for the acknowledgement of the first.
    let _ = stream.set_nodelay(true);
    let sender = match &rules.tls {
        None => handshake(stream, rules).await,
        Some(UpstreamTls { tls, name }) => {
            let connector = TlsConnector::from(tls.config.clone());
            let stream = connector.connect(name.clone(), stream).await.map_err(|error| UpstreamError::Tls(error.to_string()))?;
            handshake(stream, rules).await
        }
    };
    sender.map(|sender| Connection { sender, made: Instant::now() }).map_err(|error| UpstreamError::Protocol(error.to_string()))
}

/// Why a proxy opened no tunnel.
#[derive(Debug, thiserror::Error)]
enum Tunnel {
    #[error("the proxy cannot be reached: {0}")]
    NoProxy(std::io::ErrorKind),
    #[error("the proxy broke the connection: {0}")]
    Broken(std::io::ErrorKind),
    #[error("the proxy answered {0}")]
    Refused(String),
    #[error("the proxy's answer is no answer to CONNECT")]
    Malformed,
}

impl From<Tunnel> for UpstreamError {
    fn from(error: Tunnel) -> Self {
        Self::Connect(error.to_string())
    }
}

/// The most bytes of a proxy's answer.
const MOST_OF_ANSWER: usize = 8 << 10;

/// Asks the proxy for a tunnel to the upstream (RFC 9110 §9.3.6): what is then said is between the two.
async fn tunnel(stream: &mut TcpStream, proxy: &Proxy, endpoint: &Endpoint) -> Result<(), Tunnel> {
    let broken = |error: std::io::Error| Tunnel::Broken(error.kind());
    let host = if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    let target = format!("{host}:{}", endpoint.port);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(broken)?;
    let mut answer = Vec::new();
    // Byte by byte: what comes after the head is the upstream's already. There are a few hundred, once a connection.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MOST_OF_ANSWER {
            return Err(Tunnel::Malformed);
        }
        answer.push(stream.read_u8().await.map_err(broken)?);
    }
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let status = line.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or(Tunnel::Malformed)?;
    match status {
        [b'2', b'0'..=b'9', b'0'..=b'9'] => Ok(()),
        [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => Err(Tunnel::Refused(String::from_utf8_lossy(status).into_owned())),
        _ => Err(Tunnel::Malformed),
    }
}

async fn handshake<T>(stream: T, rules: &UpstreamRules) -> Result<Sender, hyper::Error>
where
    T: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
{
    match rules.protocol {
        Protocol::Http1 => Http1::handshake(stream).await.map(Sender::Http1),
        Protocol::Http2 => {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                // One that nobody acknowledges is dead, whatever TCP thinks of it.
                .keep_alive_interval(Some(ALIVE_EVERY))
                .keep_alive_timeout(ALIVE_WITHIN)
                .handshake(TokioIo::new(stream))
                .await?;
            tokio::spawn(connection);
            Ok(Sender::Http2(sender))
        }
    }
}
