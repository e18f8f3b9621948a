//! `varco plan`, `varco reload` and `varco status`: ask the running gateway over its admin listener.

use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proxy::config::{AdminAddress, AdminRules};
use proxy::{EServiceStatus, IssuerStatus, ListenerStatus, Plan, Status};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::configured::Configured;

/// Which gateway to ask.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    // Where its admin listener is stands there.
    #[command(flatten)]
    configured: Configured,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn plan(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    ask(arguments, Method::GET, "/plan")
}

pub(crate) fn reload(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    ask(arguments, Method::POST, "/reload")
}

fn ask(arguments: &Arguments, method: Method, path: &'static str) -> anyhow::Result<ExitCode> {
    let (status, answer) = asked(arguments, method, path)?;
    if arguments.json {
        println!("{answer:#}");
    } else if status.is_success() {
        print!("{}", serde_json::from_value::<Plan>(answer).context("the gateway answered something else")?);
    } else {
        println!("{}", answer["detail"].as_str().unwrap_or("the gateway refused"));
    }
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How it does: everything that a help desk looks at first. Fails where it is not ready.
pub(crate) fn status(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (code, answer) = asked(arguments, Method::GET, "/status")?;
    if arguments.json {
        println!("{answer:#}");
        return Ok(if code.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if !code.is_success() {
        println!("{}", answer["detail"].as_str().unwrap_or("the gateway refused"));
        return Ok(ExitCode::FAILURE);
    }
    let status: Status = serde_json::from_value(answer).context("the gateway answered something else")?;
    print_status(&status);
    Ok(if status.missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_status(status: &Status) {
    let readiness = if status.missing.is_empty() { "ready".to_owned() } else { format!("NOT READY: {}", status.missing.join(", ")) };
    println!("{} at {} (varco {}): {readiness}", status.installation, status.node, status.version);
    println!("  configuration {}", status.configuration);
    println!("  audit log {}, {} bytes waiting; {} bytes of bodies held", status.log, status.log_queue, status.buffered);
    for ListenerStatus { name, addresses, free } in &status.listeners {
        println!("  listener {name} at {}: room for {free} connections more", addresses.join(", "));
    }
    for IssuerStatus { name, ready, overdue } in &status.issuers {
        let keys = match (ready, overdue) {
            (false, _) => "NO KEYS".to_owned(),
            (true, Some(age)) => format!("keys of {age} s ago: NEWER ONES CANNOT BE HAD"),
            (true, None) => "keys ready".to_owned(),
        };
        println!("  issuer {name}: {keys}");
    }
    for EServiceStatus { name, direction, instances, breaker, in_flight: (now, most), addresses: (up, ejected, down) } in &status.eservices
    {
        let mut line = format!("  e-service {name} ({direction}, {instances} instances): {now} of {most} under way");
        if breaker != "closed" {
            line += &format!(", BREAKER {}", breaker.to_uppercase());
        }
        if ejected + down > 0 {
            line += &format!(", of {} addresses {ejected} EJECTED and {down} DOWN", up + ejected + down);
        }
        println!("{line}");
    }
}

/// What the gateway that runs with a configuration answers.
fn asked(arguments: &Arguments, method: Method, path: &'static str) -> anyhow::Result<(StatusCode, Value)> {
    // With a fault in it, it cannot be known where the gateway is; the gateway would say the same.
    let admin = arguments.configured.usable()?.admin.context("the configuration has no `admin`: nobody can be asked; SIGHUP reloads")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(send(&admin, method, path)).with_context(|| format!("asking {}", admin.address))
}

async fn send(admin: &AdminRules, method: Method, path: &str) -> anyhow::Result<(StatusCode, Value)> {
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

async fn exchange<T>(stream: T, request: Request<Empty<Bytes>>) -> anyhow::Result<(StatusCode, Value)>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}
