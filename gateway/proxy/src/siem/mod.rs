//! Records go to a collector of security events as they are written.
//!
//! The log itself is the queue: a cursor beside it says how far the collector has been told, so nothing is lost while it is away, nor
//! anything kept twice. Syslog knows no acknowledgement, so a cursor is believed only once the collector's machine has taken every byte
//! before it, and some seconds later the connection is still there; what is sent again after a break has the same ids. What that machine
//! took and its collector never read, nobody can know here.

mod message;

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use socket2::SockRef;
use store::{Cursor, Follower, Next};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::SiemRules;
use crate::metrics::SiemMetrics;
use message::framed;

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

/// Sends what is written to a log, for ever: a task of the control thread.
pub(crate) async fn send(rules: SiemRules, store: PathBuf, node: Arc<str>, metrics: SiemMetrics) {
    let (mut wait, most) = WAITS;
    let mut told = Told { cursor: None, is_kept: true };
    loop {
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

/// Where to go on: a cursor that is none of this log is told, and all of the log is sent.
fn begin_at(known: Option<Cursor>, store: &Path) -> io::Result<Option<Cursor>> {
    let Some(cursor) = known.map_or_else(|| Kept::read(store), |cursor| Ok(Some(cursor)))? else { return Ok(None) };
    if Follower::is_of(store, &cursor)? {
        return Ok(Some(cursor));
    }
    tracing::warn!("`{FILE}` is of another log, or of one that was restored: all of this one is sent to the collector of security events");
    Ok(None)
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

/// The two ends of a connection.
type Ends = (SocketAddr, SocketAddr);

/// Bytes that were written and that the other machine has not taken: what the kernel says of the connection (`tx_queue` of proc(5)'s
/// `net/tcp`), since no safe call tells. None where it says nothing: then only time tells.
fn unacknowledged(ends: Ends) -> io::Result<u64> {
    let gone = || io::Error::new(io::ErrorKind::NotConnected, "the connection is there no more");
    let file = if ends.0.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    let (local, remote) = (in_hexadecimal(ends.0), in_hexadecimal(ends.1));
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(0) };
    let line = text.lines().map(|line| line.split_ascii_whitespace().skip(1)).find_map(|mut parts| {
        (parts.next()? == local && parts.next()? == remote).then_some(())?;
        parts.nth(1)
    });
    let queue = line.and_then(|queues| queues.split_once(':')).ok_or_else(gone)?.0;
    u64::from_str_radix(queue, 16).map_err(io::Error::other)
}

/// An address as the kernel writes it there: words of 32 bits in the machine's own order.
fn in_hexadecimal(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.as_chunks::<4>().0.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word)));
    format!("{}:{:04X}", words.collect::<String>(), address.port())
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

async fn connect(rules: &SiemRules) -> io::Result<(Box<dyn Wire>, Ends)> {
    let stream = TcpStream::connect((rules.host.as_str(), rules.port)).await?;
    // A machine that takes nothing for so long is gone, whether or not it said so.
    SockRef::from(&stream).set_tcp_user_timeout(Some(TAKES))?;
    let ends = (stream.local_addr()?, stream.peer_addr()?);
    let wire: Box<dyn Wire> = match rules.client() {
        None => Box::new(stream),
        Some((tls, name)) => Box::new(TlsConnector::from(tls.config.clone()).connect(name.clone(), stream).await?),
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

/// How far the collector has been told, as it is kept beside the log.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    format: u32,
    segment: String,
    offset: u64,
    #[serde(with = "hex::serde")]
    chain: [u8; 32],
    seq: u64,
}

/// The format that is written and read.
const FORMAT: u32 = 1;
/// The file.
const FILE: &str = "siem.cursor";

impl Kept {
    fn read(store: &Path) -> io::Result<Option<Cursor>> {
        let bytes = match std::fs::read(store.join(FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Ok(kept) = serde_json::from_slice::<Self>(&bytes) else {
            tracing::warn!("`{FILE}` is damaged: all of the log is sent to the collector of security events");
            return Ok(None);
        };
        if kept.format != FORMAT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`{FILE}` is of the format {}, which this version does not know", kept.format),
            ));
        }
        let Self { segment, offset, chain, seq, .. } = kept;
        Ok(Some(Cursor { segment, offset, chain, seq }))
    }

    /// Whole or not at all.
    fn write(store: &Path, cursor: &Cursor) -> io::Result<()> {
        let Cursor { segment, offset, chain, seq } = cursor.clone();
        let kept = serde_json::to_vec(&Self { format: FORMAT, segment, offset, chain, seq })?;
        let next = store.join(format!("{FILE}.next"));
        let mut file = std::fs::File::create(&next)?;
        file.write_all(&kept)?;
        file.sync_all()?;
        std::fs::rename(next, store.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_a_later_format_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Kept::read(folder.path()).expect("there is none yet"), None);
        let cursor = Cursor { segment: "00000000000000000001.log".into(), offset: 4096, chain: [7; 32], seq: 9 };
        Kept::write(folder.path(), &cursor).expect("a folder can be written to");
        assert_eq!(Kept::read(folder.path()).expect("it can be read"), Some(cursor));
        let text = std::fs::read_to_string(folder.path().join(FILE)).expect("text");
        std::fs::write(folder.path().join(FILE), text.replace("\"format\":1", "\"format\":2")).expect("a folder can be written to");
        assert!(Kept::read(folder.path()).is_err(), "a later version knows better");
        std::fs::write(folder.path().join(FILE), text.replace("4096", "x")).expect("a folder can be written to");
        assert_eq!(Kept::read(folder.path()).expect("it is none"), None, "all is sent again");
    }

    /// The kernel says what the other end has not taken.
    #[test]
    fn what_was_not_taken_is_counted() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = std::net::TcpListener::bind(address).expect("a port");
            let mut stream = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
            let ends = (stream.local_addr().expect("one end"), stream.peer_addr().expect("the other"));
            assert_eq!(unacknowledged(ends).expect("it is there"), 0, "{address}");
            stream.set_nonblocking(true).expect("it can be");
            // Nobody reads, so sooner or later nothing more is taken.
            while stream.write(&[0; 1 << 12]).is_ok() {}
            assert!(unacknowledged(ends).expect("it is there") > 0, "{address}");
            drop((stream, listener));
        }
        let nobody = "127.0.0.1:1".parse().expect("an address");
        assert!(unacknowledged((nobody, nobody)).is_err());
    }
}
