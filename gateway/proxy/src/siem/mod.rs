//! Records go to a collector of security events as they are written.
//!
//! The log itself is the queue: a cursor beside it says how far the collector has been told, so nothing is lost while it is away, nor
//! anything kept twice. Syslog knows no acknowledgement, so a cursor is believed only once the collector's machine has taken every byte
//! before it, and some seconds later the connection is still there; what is sent again after a break has the same ids. What that machine
//! took and its collector never read, nobody can know here.

mod kept;
mod message;
mod taken;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;
use store::{Cursor, Follower, Next};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::{SiemRules, UpstreamTls};
use crate::metrics::SiemMetrics;
use kept::{Kept, begin_at};
use message::framed;
use taken::{Ends, unacknowledged};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a write may make no progress.
const WRITE: Duration = Duration::from_secs(30);
/// How long the collector's machine may leave bytes unacknowledged.
const TAKES: Duration = Duration::from_secs(20);
/// How often the log is looked at.
const POLL: Duration = Duration::from_millis(250);
/// How long after its bytes were written a cursor is believed.
const SETTLES: Duration = Duration::from_secs(5);
/// How long it is waited after a failure, at first and at most.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Sends what is written to a log, for ever: a task of the control thread. Each connection is made as `current` says then.
pub(crate) async fn send(current: impl Fn() -> Option<SiemRules>, store: PathBuf, node: Arc<str>, metrics: SiemMetrics) {
    let (mut wait, most) = WAITS;
    let mut told = Told { cursor: None, is_kept: true };
    while let Some(rules) = current() {
        let began = Instant::now();
        let error = match deliver(&rules, &store, &node, &metrics, &mut told).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        metrics.connected.set(0);
        tracing::warn!(host = %rules.host, port = rules.port, %error, "the collector of security events cannot be told; the log keeps what it has missed");
        if began.elapsed() > most {
            wait = WAITS.0;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(most);
    }
}

/// How far the collector has been told.
struct Told {
    /// Of this process; before the first, the file says.
    cursor: Option<Cursor>,
    /// Whether the file could be written.
    is_kept: bool,
}

impl Told {
    /// It has been told so far. Where that cannot be written it is not asked to read everything again as long as the process lives.
    async fn settles(&mut self, store: &Path, cursor: Cursor) -> io::Result<()> {
        let (folder, next) = (store.to_owned(), cursor.clone());
        let kept = aside(move || Kept::write(&folder, &next)).await?;
        if let (Err(error), true) = (&kept, self.is_kept) {
            tracing::error!(%error, "how far the collector of security events was told cannot be kept: after a start it is told again");
        }
        self.is_kept = kept.is_ok();
        self.cursor = Some(cursor);
        Ok(())
    }
}

/// Files are read and written where nobody waits for the thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

/// Nothing of it ends well.
enum Never {}

async fn deliver(rules: &SiemRules, store: &Path, node: &str, metrics: &SiemMetrics, told: &mut Told) -> io::Result<Never> {
    let (mut wire, ends) = tokio::time::timeout(CONNECT, connect(rules)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let (folder, known) = (store.to_owned(), told.cursor.clone());
    let mut follower = Follower::new(store, aside(move || begin_at(known, &folder)).await??);
    metrics.connected.set(1);
    tracing::info!(host = %rules.host, port = rules.port, "the collector of security events is told what is recorded");
    let mut written = 0;
    let mut settling: Option<Settling> = None;
    loop {
        let next;
        (follower, next) = aside(move || {
            let next = follower.more();
            (follower, next)
        })
        .await?;
        match next? {
            Next::Records(records) => {
                let bytes: Vec<u8> = records.iter().flat_map(|stored| framed(&stored.bytes, node, rules.format)).collect();
                write(&mut wire, &bytes).await?;
                written += bytes.len() as u64;
                metrics.records.inc_by(records.len() as u64);
            }
            Next::Damaged { segment } => {
                tracing::error!(segment, "a part of the audit log cannot be read, and is not sent on: run `varco audit verify`");
            }
            Next::Nothing => is_open(&mut wire).await?,
        }
        match (&mut settling, follower.cursor()) {
            (Some(waits), _) if waits.looked.elapsed() >= SETTLES => {
                // What was not taken is of the last that was written; TLS makes it more than it was, never less.
                if aside(move || unacknowledged(ends)).await?? <= written - waits.written {
                    let Some(Settling { cursor, .. }) = settling.take() else { continue };
                    told.settles(store, cursor).await?;
                } else {
                    waits.looked = Instant::now();
                }
            }
            (None, Some(cursor)) if told.cursor.as_ref() != Some(cursor) => {
                settling = Some(Settling { looked: Instant::now(), written, cursor: cursor.clone() });
            }
            _ => {}
        }
    }
}

/// A cursor that is not believed yet.
struct Settling {
    /// When it was looked at last whether it may be.
    looked: Instant,
    /// How many bytes had been written to the connection when it was behind all of them.
    written: u64,
    cursor: Cursor,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

async fn connect(rules: &SiemRules) -> io::Result<(Box<dyn Wire>, Ends)> {
    let stream = TcpStream::connect((rules.host.as_str(), rules.port)).await?;
    // A machine that takes nothing for so long is gone, whether or not it said so.
    SockRef::from(&stream).set_tcp_user_timeout(Some(TAKES))?;
    let ends = (stream.local_addr()?, stream.peer_addr()?);
    let wire: Box<dyn Wire> = match &rules.tls {
        None => Box::new(stream),
        Some(UpstreamTls { tls, name }) => Box::new(TlsConnector::from(tls.config.clone()).connect(name.clone(), stream).await?),
    };
    Ok((wire, ends))
}

async fn write(wire: &mut Box<dyn Wire>, bytes: &[u8]) -> io::Result<()> {
    for part in bytes.chunks(64 << 10) {
        let written = tokio::time::timeout(WRITE, async {
            wire.write_all(part).await?;
            wire.flush().await
        });
        written.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    Ok(())
}

/// Waits for the next look at the log. A collector says nothing: what comes from it is its end.
async fn is_open(wire: &mut Box<dyn Wire>) -> io::Result<()> {
    let mut said = [0; 64];
    match tokio::time::timeout(POLL, wire.read(&mut said)).await {
        Err(_) => Ok(()),
        Ok(Ok(0)) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection")),
        Ok(Ok(_)) => {
            tokio::time::sleep(POLL).await;
            Ok(())
        }
        Ok(Err(error)) => Err(error),
    }
}
