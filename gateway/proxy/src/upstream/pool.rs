//! The connections of one worker to one upstream.

use std::collections::VecDeque;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Context;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use parking_lot::Mutex;

use super::http1::Http1;
use super::{Endpoint, Upstream, UpstreamError, UpstreamRules};
use crate::body::{BodyError, UpstreamRequestBody};

type Request = http::Request<UpstreamRequestBody>;
type Answer = http::Response<Incoming>;

/// The place of a pool among those of each worker, and how many connections stand idle in it, over all workers.
#[derive(Clone, Debug, Default)]
pub struct PoolPlace {
    /// Its number.
    pub slot: usize,
    /// How many pools had this number before: what is left of them is not this one's.
    pub generation: u64,
    /// Idle connections.
    pub idle: Arc<AtomicI64>,
}

/// All pools of one worker, by their slots. The lock is the worker's own and never contended.
#[derive(Debug, Default)]
pub struct Pools(Mutex<Vec<Option<Arc<Pool>>>>);

impl Pools {
    /// The pool of a place.
    pub(super) fn of(&self, place: &PoolPlace) -> Arc<Pool> {
        let mut pools = self.0.lock();
        if pools.len() <= place.slot {
            pools.resize_with(place.slot + 1, || None);
        }
        match &mut pools[place.slot] {
            Some(pool) if pool.generation == place.generation => pool.clone(),
            other => {
                other.insert(Arc::new(Pool { generation: place.generation, idle: Mutex::default(), count: place.idle.clone() })).clone()
            }
        }
    }

    /// Closes idle connections whose time is over, whether or not anybody asks for one again.
    pub fn tidy(&self, now: Instant) {
        let pools: Vec<_> = self.0.lock().iter().flatten().cloned().collect();
        for pool in &pools {
            pool.tidy(now);
        }
    }
}

/// Idle connections, the most recently used last.
#[derive(Debug)]
pub(super) struct Pool {
    generation: u64,
    idle: Mutex<VecDeque<Idle>>,
    /// How many idle ones there are, over all workers.
    count: Arc<AtomicI64>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    /// When it has been idle for too long, or has grown too old.
    until: Instant,
}

/// A connection with the moment it was made.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: Sender,
    pub(super) made: Instant,
}

#[derive(Debug)]
pub(super) enum Sender {
    Http1(Http1),
    Http2(http2::SendRequest<UpstreamRequestBody>),
}

impl Sender {
    /// Whether the other side has it open still.
    fn is_open(&mut self) -> bool {
        match self {
            Self::Http1(http1) => {
                http1.settle();
                http1.is_ready()
            }
            Self::Http2(sender) => !sender.is_closed(),
        }
    }

    fn close(self) {
        if let Self::Http1(http1) = self {
            http1.close();
        }
    }
}

/// A connection in use, with the pool it goes back to.
#[derive(Debug)]
pub struct Returned {
    connection: Connection,
    pool: Arc<Pool>,
    rules: Arc<UpstreamRules>,
}

impl Returned {
    /// Moves the bytes of the answer; its body is to be asked after this.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        if let Sender::Http1(http1) = &mut self.connection.sender {
            http1.drive(cx);
        }
    }

    /// The answer has been read to its end: the connection can be used again, unless the upstream closes it or has not taken the
    /// whole request, which nobody would go on sending.
    pub fn give_back(self) {
        let Self { mut connection, pool, rules } = self;
        if let Sender::Http1(http1) = &mut connection.sender {
            http1.settle();
            if !http1.is_ready() {
                return;
            }
        }
        pool.keep(connection, &rules);
    }
}

/// When a request sets out, and when its answer must be whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) now: Instant,
    pub(super) deadline: Instant,
}

/// How many connections that turned out to be closed a request may meet before it gets a new one.
const MOST_STALE: usize = 4;

impl Pool {
    /// Sends a request over an idle connection or a new one. A request that comes back unwritten, because the upstream closed
    /// an idle connection at that moment, is sent again whatever its method: nothing of it was seen.
    pub(super) async fn exchange(
        self: Arc<Self>,
        upstream: &Upstream,
        endpoint: &Endpoint,
        mut due: Due,
        connect_timeout: Duration,
        mut request: Box<Request>,
    ) -> Result<(Answer, Option<Returned>), NotSent> {
        let rules = &upstream.rules;
        for _ in 0..MOST_STALE {
            let Some(connection) = self.take_idle(due.now) else { break };
            match self.send(connection, rules, due, request).await? {
                Sent::Answered(answer, connection) => return Ok((answer, connection)),
                Sent::Unwritten(back) => request = back,
            }
        }
        let connection = match connect(upstream, endpoint, due, connect_timeout).await {
            Ok(connection) => connection,
            Err(error) => return Err(NotSent { error, back: Some(request) }),
        };
        due.now = Instant::now();
        if due.now >= due.deadline {
            // Nobody waits for it any more: it is not to be done for nobody.
            self.keep(connection, rules);
            return Err(NotSent { error: UpstreamError::TotalTimeout, back: Some(request) });
        }
        match self.send(connection, rules, due, request).await? {
            Sent::Answered(answer, connection) => Ok((answer, connection)),
            Sent::Unwritten(back) => Err(NotSent { error: UpstreamError::Reset("it closed a new connection".into()), back: Some(back) }),
        }
    }

    /// The freshest connection that is neither closed nor too old. Whether the upstream has closed an HTTP/1.1 connection since it
    /// was given back shows when it is driven, before anything is written.
    fn take_idle(&self, now: Instant) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some(Idle { connection, until }) = idle.pop_back() {
            if now <= until
                && let Sender::Http2(sender) = &connection.sender
                && !sender.is_closed()
            {
                // h2 carries many requests at a time: the connection stays, and the request gets a handle of its own.
                let handle = Connection { sender: Sender::Http2(sender.clone()), made: connection.made };
                idle.push_back(Idle { connection, until });
                return Some(handle);
            }
            self.count.fetch_sub(1, Ordering::Relaxed);
            match connection.sender {
                Sender::Http1(_) if now <= until => return Some(connection),
                sender => sender.close(),
            }
        }
        None
    }

    fn tidy(&self, now: Instant) {
        let mut idle = self.idle.lock();
        let before = idle.len();
        for mut kept in std::mem::take(&mut *idle) {
            if now <= kept.until && kept.connection.sender.is_open() {
                idle.push_back(kept);
            } else {
                kept.connection.sender.close();
            }
        }
        self.count.fetch_sub((before - idle.len()) as i64, Ordering::Relaxed);
    }

    fn keep(&self, connection: Connection, rules: &UpstreamRules) {
        let until = (Instant::now() + rules.idle).min(connection.made + rules.max_age);
        let mut idle = self.idle.lock();
        if matches!(connection.sender, Sender::Http2(_))
            && let Some(kept) = idle.iter_mut().find(|idle| idle.connection.made == connection.made)
        {
            kept.until = until;
            return;
        }
        if idle.len() >= rules.idle_connections
            && let Some(oldest) = idle.pop_front()
        {
            oldest.connection.sender.close();
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        idle.push_back(Idle { connection, until });
    }

    async fn send(
        self: &Arc<Self>,
        mut connection: Connection,
        rules: &Arc<UpstreamRules>,
        due: Due,
        request: Box<Request>,
    ) -> Result<Sent, UpstreamError> {
        let (until, late) = due.sooner(rules.first_byte_timeout, UpstreamError::FirstByteTimeout);
        let answer = match &mut connection.sender {
            Sender::Http1(http1) => http1.send(*request, until).await,
            Sender::Http2(sender) => tokio::time::timeout_at(until.into(), Box::pin(sender.try_send_request(*request))).await.ok(),
        };
        let Some(answer) = answer else {
            if matches!(connection.sender, Sender::Http2(_)) {
                // It may be dead, and all that is sent over it would wait for nothing.
                self.forget(&connection);
            }
            return Err(late);
        };
        match answer {
            Ok(answer) => Ok(Sent::Answered(answer, self.returned(connection, rules))),
            Err(error) => unwritten_or_error(error),
        }
    }

    /// Gives an h2 connection to nobody any more.
    fn forget(&self, connection: &Connection) {
        let mut idle = self.idle.lock();
        let before = idle.len();
        idle.retain(|kept| kept.connection.made != connection.made);
        self.count.fetch_sub((before - idle.len()) as i64, Ordering::Relaxed);
    }

    fn returned(self: &Arc<Self>, connection: Connection, rules: &Arc<UpstreamRules>) -> Option<Returned> {
        if matches!(connection.sender, Sender::Http2(_)) {
            self.keep(connection, rules);
            return None;
        }
        Some(Returned { connection, pool: self.clone(), rules: rules.clone() })
    }
}

/// Why an exchange with one address came to nothing; with the request, if nothing of it was written.
#[derive(Debug)]
pub(super) struct NotSent {
    pub(super) error: UpstreamError,
    pub(super) back: Option<Box<Request>>,
}

impl From<UpstreamError> for NotSent {
    fn from(error: UpstreamError) -> Self {
        Self { error, back: None }
    }
}

async fn connect(upstream: &Upstream, endpoint: &Endpoint, due: Due, limit: Duration) -> Result<Connection, UpstreamError> {
    let rules = &upstream.rules;
    // Boxed: it is large and rare, and would otherwise be part of what every request allocates.
    let connecting = Box::pin(super::connect::connect(rules, endpoint));
    let (until, late) = due.sooner(limit, UpstreamError::ConnectTimeout);
    let connection = tokio::time::timeout_at(until.into(), connecting).await.unwrap_or(Err(late))?;
    upstream.state.opened.fetch_add(1, Ordering::Relaxed);
    Ok(connection)
}

impl Due {
    /// The sooner of a step's own limit and the deadline of the whole, and what it is to have missed it: one timer instead of two.
    fn sooner(&self, limit: Duration, missed: UpstreamError) -> (Instant, UpstreamError) {
        let own = self.now + limit;
        if own <= self.deadline { (own, missed) } else { (self.deadline, UpstreamError::TotalTimeout) }
    }
}

#[expect(clippy::large_enum_variant, reason = "nearly every one is the large one, and to box it would cost each of them")]
enum Sent {
    Answered(Answer, Option<Returned>),
    Unwritten(Box<Request>),
}

fn unwritten_or_error(mut error: TrySendError<Request>) -> Result<Sent, UpstreamError> {
    if let Some(request) = error.take_message() {
        return Ok(Sent::Unwritten(Box::new(request)));
    }
    Err(classify(&error.into_error()))
}

/// Which of our causes an error of hyper's is. Its text names no address and no content.
fn classify(error: &hyper::Error) -> UpstreamError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(body) = cause.downcast_ref::<BodyError>() {
            return UpstreamError::CallerBody(*body);
        }
        source = cause.source();
    }
    if error.is_parse() {
        return UpstreamError::Protocol(error.to_string());
    }
    UpstreamError::Reset(error.to_string())
}
