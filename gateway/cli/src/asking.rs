//! Asks the running gateway over its admin listener.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proxy::config::{AdminAddress, AdminRules};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;

use crate::configured::Configured;

/// How long an answer may take: a reload compiles everything before it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which gateway to ask.
#[derive(Debug, Args)]
// Its name as a group would be that of whoever flattens it.
#[group(skip)]
pub(crate) struct Arguments {
    // Where its admin listener is stands there.
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Print the answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The gateway that runs with a configuration.
pub(crate) struct Asking {
    admin: AdminRules,
    runtime: Runtime,
}

impl Asking {
    /// # Errors
    /// The configuration cannot be used, or has no admin listener.
    pub(crate) fn new(configured: &Configured) -> anyhow::Result<Self> {
        // With a fault in it, it cannot be known where the gateway is; the gateway would say the same.
        let admin = configured.usable()?.admin.context("the configuration has no `admin`: nobody can be asked; SIGHUP reloads")?;
        Ok(Self { admin, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()? })
    }

    /// What it answers, which is JSON.
    pub(crate) fn json(&self, method: Method, path: &str) -> anyhow::Result<(StatusCode, Value)> {
        let (status, body) = self.ask(method, path)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// What it answers.
    pub(crate) fn ask(&self, method: Method, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let asked = async {
            tokio::time::timeout(PATIENCE, send(&self.admin, method, path))
                .await
                .context("it does not answer: is it stopped, or its machine?")?
        };
        self.runtime.block_on(asked).with_context(|| format!("asking {}", self.admin.address))
    }
}

async fn send(admin: &AdminRules, method: Method, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    let mut request = Request::builder().method(method).uri(path).header(http::header::HOST, "admin");
    if let Some(token) = &admin.token {
        request = request.header(http::header::AUTHORIZATION, [b"Bearer ", token.expose()].concat());
    }
    let request = request.body(Empty::new())?;
    match &admin.address {
        AdminAddress::Tcp(address) => exchange(TcpStream::connect(address).await?, request).await,
        AdminAddress::Socket(path) => exchange(UnixStream::connect(path).await?, request).await,
    }
}

async fn exchange<T>(stream: T, request: Request<Empty<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}
