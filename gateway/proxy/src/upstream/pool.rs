//! The connections of one worker to one upstream.

use std::collections::VecDeque;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use parking_lot::Mutex;

use super::http1::Http1;
use super::request::Prepared;
use super::{Endpoint, Upstream, UpstreamError, UpstreamRules};
use crate::body::{BodyError, UpstreamRequestBody};

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
    /// Moves the bytes of the answer, and then asks its body.
    pub fn drive<T>(&mut self, cx: &mut Context<'_>, ask: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        match &mut self.connection.sender {
            Sender::Http1(http1) => http1.drive(cx, ask),
            Sender::Http2(_) => ask(cx),
        }
    }

    /// The answer has been read to its end: the connection can be used again, unless the upstream closes it or has not taken the
    /// whole request, which nobody would go on sending.
    pub fn give_back(self) {
        let Self { mut connection, pool, rules } = self;
        if let Sender::Http1(http1) = &mut connection.sender
            && !http1.is_ready()
        {
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
    pub(super) back: Option<Prepared>,
}

impl From<UpstreamError> for NotSent {
    fn from(error: UpstreamError) -> Self {
        Self { error, back: None }
    }
}

/// A request on its way to one address.
pub(super) struct Sending<'a> {
    pool: Arc<Pool>,
    upstream: &'a Upstream,
    endpoint: &'a Endpoint,
    due: Due,
    connect_timeout: Duration,
}

impl<'a> Sending<'a> {
    pub(super) fn new(pool: Arc<Pool>, upstream: &'a Upstream, endpoint: &'a Endpoint, due: Due, connect_timeout: Duration) -> Self {
        Self { pool, upstream, endpoint, due, connect_timeout }
    }

    /// Sends it over an idle connection or a new one. A request that comes back unwritten, because the upstream closed an idle
    /// connection at that moment, is sent again whatever its method: nothing of it was seen.
    pub(super) async fn send(&mut self, mut request: Prepared) -> Result<(Answer, Option<Returned>), NotSent> {
        let mut stale = 0;
        loop {
            let idle = if stale < MOST_STALE { self.pool.take_idle(self.due.now) } else { None };
            let is_new = idle.is_none();
            let mut connection = match idle {
                Some(connection) => connection,
                // Boxed: it is large and rare, and would otherwise be part of what every request allocates.
                None => match Box::pin(self.connect()).await {
                    Ok(connection) => connection,
                    Err(error) => return Err(NotSent { error, back: Some(request) }),
                },
            };
            let (until, _) = self.answer_by();
            let answer = match &mut connection.sender {
                Sender::Http1(http1) => http1.send(request, until).await,
                Sender::Http2(sender) => Box::pin(tokio::time::timeout_at(until.into(), sender.try_send_request(*request))).await.ok(),
            };
            match answer {
                Some(Ok(answer)) => return Ok((answer, self.pool.returned(connection, &self.upstream.rules))),
                Some(Err(error)) => request = unwritten(error)?,
                None => {
                    if matches!(connection.sender, Sender::Http2(_)) {
                        // It may be dead, and all that is sent over it would wait for nothing.
                        self.pool.forget(&connection);
                    }
                    return Err(self.answer_by().1.into());
                }
            }
            if is_new {
                let error = UpstreamError::Reset("it closed a new connection".into());
                return Err(NotSent { error, back: Some(request) });
            }
            stale += 1;
        }
    }

    async fn connect(&mut self) -> Result<Connection, UpstreamError> {
        let Self { pool, upstream, endpoint, due, connect_timeout } = self;
        let (until, late) = due.sooner(*connect_timeout, UpstreamError::ConnectTimeout);
        let connecting = super::connect::connect(&upstream.rules, endpoint);
        let connection = tokio::time::timeout_at(until.into(), connecting).await.unwrap_or(Err(late))?;
        upstream.state.opened.fetch_add(1, Ordering::Relaxed);
        due.now = Instant::now();
        if due.now >= due.deadline {
            // Nobody waits for it any more: it is not to be done for nobody.
            pool.keep(connection, &upstream.rules);
            return Err(UpstreamError::TotalTimeout);
        }
        Ok(connection)
    }

    /// Until when an answer has to begin, and what it is to have missed that.
    fn answer_by(&self) -> (Instant, UpstreamError) {
        self.due.sooner(self.upstream.rules.first_byte_timeout, UpstreamError::FirstByteTimeout)
    }
}

impl Due {
    /// The sooner of a step's own limit and the deadline of the whole, and what it is to have missed it: one timer instead of two.
    fn sooner(&self, limit: Duration, missed: UpstreamError) -> (Instant, UpstreamError) {
        let own = self.now + limit;
        if own <= self.deadline { (own, missed) } else { (self.deadline, UpstreamError::TotalTimeout) }
    }
}

/// The request, if nothing of it was written.
fn unwritten(mut error: TrySendError<http::Request<UpstreamRequestBody>>) -> Result<Prepared, UpstreamError> {
    match error.take_message() {
        Some(request) => Ok(Box::new(request)),
        None => Err(classify(&error.into_error())),
    }
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
