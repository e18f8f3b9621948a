//! A new connection to an upstream: TCP, TLS where asked, and the handshake of HTTP.

use std::time::Instant;

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::http1::Http1;
use super::pool::{Connection, Sender};
use crate::config::UpstreamTls;

use super::{Protocol, UpstreamError, UpstreamRules};

pub(super) async fn connect(rules: &UpstreamRules) -> Result<Connection, UpstreamError> {
    let stream =
        TcpStream::connect((rules.host.as_str(), rules.port)).await.map_err(|error| UpstreamError::Connect(error.kind().to_string()))?;
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

async fn handshake<T>(stream: T, rules: &UpstreamRules) -> Result<Sender, hyper::Error>
where
    T: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
{
    match rules.protocol {
        Protocol::Http1 => Http1::handshake(stream).await.map(Sender::Http1),
        Protocol::Http2 => {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            Ok(Sender::Http2(sender))
        }
    }
}
