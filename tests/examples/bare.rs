//! A bound for the benchmark: hyper between callers and an upstream, with its connections kept, and nothing else: no route, no limit, no
//! check, no record. What this costs no gateway on hyper can save.
//!
//!     bare PORT UPSTREAM_PORT

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The connections that stand idle, the last used last.
type Idle = Rc<RefCell<Vec<SendRequest<Full<Bytes>>>>>;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|port| port.parse::<u16>().context("a port"));
    let mut port = || arguments.next().context("two ports are needed")?;
    let (own, upstream) = (port()?, port()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(own, upstream))
}

async fn serve(own: u16, upstream: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", own)).await?;
    let idle = Idle::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let idle = idle.clone();
        let service = service_fn(move |request| pass(idle.clone(), upstream, request));
        let mut builder = hyper::server::conn::http1::Builder::new();
        // As the gateway does: see there.
        builder.writev(false);
        spawn_local(builder.serve_connection(TokioIo::new(stream), service));
    }
}

async fn pass(idle: Idle, upstream: u16, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let kept = idle.borrow_mut().pop();
    let mut sender = match kept {
        Some(sender) if sender.is_ready() => sender,
        _ => connect(upstream).await?,
    };
    let (head, body) = sender.send_request(Request::from_parts(head, Full::new(body))).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    sender.ready().await?;
    idle.borrow_mut().push(sender);
    Ok(Response::from_parts(head, Full::new(body)))
}

async fn connect(upstream: u16) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(("127.0.0.1", upstream)).await?;
    stream.set_nodelay(true)?;
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.writev(false);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    spawn_local(connection);
    Ok(sender)
}
