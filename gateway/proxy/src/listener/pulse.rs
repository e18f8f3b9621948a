//! Limits in time, without a timer for each request.
//!
//! A connection notes what it is doing and since when, in a clock that ticks a few times a second. One task a worker goes
//! over its connections at each tick and closes those that have been at it too long. So a request costs a few stores, and a
//! limit is kept to within a tick.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::DoorId;
use crate::clock;
use crate::config::ListenerLimits;

/// How often connections are looked at.
const TICK: Duration = Duration::from_millis(250);

/// How long an h2 caller who was told to leave may still begin requests: those that crossed with the telling.
const LEAVE: Duration = Duration::from_secs(5);

/// How long somebody who connected before a drain may take to begin a request.
const NEWCOMER: Duration = Duration::from_secs(1);

/// The connections of one worker.
#[derive(Debug, Default)]
pub struct Pulses {
    now: Arc<AtomicU64>,
    draining: AtomicBool,
    connections: Mutex<Vec<Weak<Pulse>>>,
}

impl Pulses {
    /// A new connection that came in by this door, with the limits of its listener.
    pub(super) fn connect(&self, limits: &ListenerLimits, door: DoorId) -> Arc<Pulse> {
        if self.now.load(Ordering::Relaxed) == 0 {
            self.now.store(clock::millis(), Ordering::Relaxed);
        }
        let pulse = Arc::new(Pulse {
            now: self.now.clone(),
            doing: AtomicU8::new(IDLE),
            since: AtomicU64::new(clock::millis()),
            heading: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            under_way: AtomicU32::new(0),
            multiplexed: AtomicBool::new(false),
            door,
            overdue: AtomicU8::new(0),
            answers: Mutex::default(),
            requests: AtomicU64::new(0),
            most_requests: limits.requests_per_connection,
            retiring: AtomicBool::new(false),
            retires_at: AtomicU64::new(0),
            retiring_since: AtomicU64::new(0),
            attention: AtomicWaker::new(),
            head: limits.header_time.as_millis() as u64,
            idle: limits.idle_time.as_millis() as u64,
            write: limits.write_time.as_millis() as u64,
        });
        if self.draining.load(Ordering::Relaxed) {
            pulse.drain();
        }
        self.connections.lock().push(Arc::downgrade(&pulse));
        pulse
    }

    /// The worker drains: its connections end after the requests under way. Who has connected and not asked yet gets a moment
    /// to do so.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.now.store(clock::millis(), Ordering::Relaxed);
        self.connections.lock().iter().filter_map(Weak::upgrade).for_each(|pulse| pulse.drain());
    }

    /// The same of those that came in by one door.
    pub fn drain_door(&self, door: DoorId) {
        self.now.store(clock::millis(), Ordering::Relaxed);
        self.connections.lock().iter().filter_map(Weak::upgrade).filter(|pulse| pulse.door == door).for_each(|pulse| pulse.drain());
    }

    /// Goes over the connections for ever: a task of the worker.
    pub async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let now = clock::millis();
            self.now.store(now, Ordering::Relaxed);
            self.connections.lock().retain(|connection| match connection.upgrade() {
                Some(pulse) => {
                    pulse.look(now);
                    true
                }
                None => false,
            });
        }
    }
}

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

/// What one connection is doing.
#[derive(Debug)]
pub(crate) struct Pulse {
    now: Arc<AtomicU64>,
    doing: AtomicU8,
    since: AtomicU64,
    /// Since when a head is under way on an h2 connection; 0: none is.
    heading: AtomicU64,
    /// Since when a write has made no progress; 0: it does.
    stalled: AtomicU64,
    under_way: AtomicU32,
    multiplexed: AtomicBool,
    door: DoorId,
    overdue: AtomicU8,
    /// Answers on their way, of an h2 connection.
    answers: Mutex<Vec<Weak<Answering>>>,
    /// Requests so far, and how many there may be.
    requests: AtomicU64,
    most_requests: u64,
    /// To end after the requests under way.
    retiring: AtomicBool,
    /// When to, although nothing was asked; 0: never.
    retires_at: AtomicU64,
    /// Since when it is to end; 0: it is not.
    retiring_since: AtomicU64,
    /// Wakes whoever drives the connection.
    attention: AtomicWaker,
    head: u64,
    idle: u64,
    write: u64,
}

/// What a connection is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    /// It took too long over something.
    Close(Overdue),
    /// To end after the requests under way: it has carried enough of them, or the worker drains.
    Retire,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The head of a request came too slowly.
    Head,
    /// Nothing was asked for too long.
    Idle,
    /// An answer was not read for too long.
    Write,
}

impl Pulse {
    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// A write has made progress, or none.
    pub(super) fn wrote(&self, progress: bool) {
        match self.stalled.load(Ordering::Relaxed) {
            0 if !progress => self.stalled.store(self.now(), Ordering::Relaxed),
            since if since != 0 && progress => self.stalled.store(0, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Bytes came. On an idle HTTP/1.1 connection they are the beginning of a head; an h2 connection carries more than heads, which
    /// are told by [`Self::heading`].
    pub(super) fn received(&self) {
        if self.doing.load(Ordering::Relaxed) == IDLE && !self.multiplexed.load(Ordering::Relaxed) {
            self.doing.store(HEAD, Ordering::Relaxed);
            self.since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Frames of an h2 connection came: whether a head is under way after them, and whether they ended one, so that it is another.
    pub(super) fn heading(&self, under_way: bool, ended: bool) {
        if !under_way {
            self.heading.store(0, Ordering::Relaxed);
        } else if ended || self.heading.load(Ordering::Relaxed) == 0 {
            self.heading.store(self.now().max(1), Ordering::Relaxed);
        }
    }

    /// The connection turned out to be h2.
    pub(super) fn multiplexed(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
        self.doing.store(IDLE, Ordering::Relaxed);
        self.since.store(self.now(), Ordering::Relaxed);
    }

    /// A request is whole; it is over when the guard is dropped, its answer's body included.
    pub(super) fn begin(self: &Arc<Self>) -> Place {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.doing.store(BUSY, Ordering::Relaxed);
        let carried = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if carried >= self.most_requests || self.retires_at.load(Ordering::Relaxed) != 0 {
            // Whoever drives the connection is just now doing so, and looks when it has.
            self.begin_to_retire();
        }
        Place(self.clone())
    }

    /// Whether nothing may begin on it any more, whatever its caller makes of having been told.
    pub(super) fn is_over(&self) -> bool {
        let since = self.retiring_since.load(Ordering::Relaxed);
        since != 0 && self.multiplexed.load(Ordering::Relaxed) && self.now().saturating_sub(since) > LEAVE.as_millis() as u64
    }

    fn begin_to_retire(&self) {
        if !self.retiring.swap(true, Ordering::Relaxed) {
            self.retiring_since.store(self.now().max(1), Ordering::Relaxed);
        }
    }

    fn drain(&self) {
        self.retires_at.store(self.now() + NEWCOMER.as_millis() as u64, Ordering::Relaxed);
        if self.requests.load(Ordering::Relaxed) > 0 {
            self.retire();
        }
    }

    fn retire(&self) {
        self.begin_to_retire();
        self.attention.wake();
    }

    fn look(&self, now: u64) {
        let retires_at = self.retires_at.load(Ordering::Relaxed);
        if retires_at != 0 && now > retires_at && !self.retiring.load(Ordering::Relaxed) {
            self.retire();
        }
        let since = now.saturating_sub(self.since.load(Ordering::Relaxed));
        let (heading, stalled) = (self.heading.load(Ordering::Relaxed), self.stalled.load(Ordering::Relaxed));
        let overdue = match self.doing.load(Ordering::Relaxed) {
            HEAD if since > self.head => Overdue::Head,
            _ if heading != 0 && now.saturating_sub(heading) > self.head => Overdue::Head,
            IDLE if since > self.idle => Overdue::Idle,
            _ if stalled != 0 && now.saturating_sub(stalled) > self.write => Overdue::Write,
            _ if self.is_unread(now) => Overdue::Write,
            // hyper waits for the caller to acknowledge that it was told; one that never does would stay for ever.
            IDLE if self.is_over() => Overdue::Idle,
            _ => return,
        };
        self.overdue.store(overdue as u8 + 1, Ordering::Relaxed);
        self.attention.wake();
    }

    /// An answer begins to be written. Over h2 the caller can shut the window of one stream, and then no write to the connection
    /// ever stalls: there each answer is watched by itself.
    pub(super) fn answer(&self) -> Option<Arc<Answering>> {
        if !self.multiplexed.load(Ordering::Relaxed) {
            return None;
        }
        let answering = Arc::new(Answering { now: self.now.clone(), waits: AtomicU64::new(self.now()) });
        self.answers.lock().push(Arc::downgrade(&answering));
        Some(answering)
    }

    fn is_unread(&self, now: u64) -> bool {
        let mut unread = false;
        self.answers.lock().retain(|answer| match answer.upgrade() {
            Some(answer) => {
                let waits = answer.waits.load(Ordering::Relaxed);
                unread |= waits != 0 && now.saturating_sub(waits) > self.write;
                true
            }
            None => false,
        });
        unread
    }

    /// What the connection should know now. Whoever asks is woken when there is something new.
    pub(super) fn attention(&self, waker: &Waker) -> Option<Attention> {
        self.attention.register(waker);
        match self.overdue.load(Ordering::Relaxed) {
            1 => Some(Attention::Close(Overdue::Head)),
            2 => Some(Attention::Close(Overdue::Idle)),
            3 => Some(Attention::Close(Overdue::Write)),
            _ => self.retiring.load(Ordering::Relaxed).then_some(Attention::Retire),
        }
    }
}

/// A request under way on a connection.
#[derive(Debug)]
pub(crate) struct Place(Arc<Pulse>);

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.since.store(self.0.now(), Ordering::Relaxed);
            self.0.doing.store(IDLE, Ordering::Relaxed);
        }
    }
}

/// An answer that is being written.
#[derive(Debug)]
pub(crate) struct Answering {
    now: Arc<AtomicU64>,
    /// Since when it waits for the caller to take more; 0: it waits for the upstream.
    waits: AtomicU64,
}

impl Answering {
    /// The caller asked for more: there was some, or not yet.
    pub(crate) fn asked(&self, is_ready: bool) {
        let since = if is_ready { self.now.load(Ordering::Relaxed) } else { 0 };
        self.waits.store(since, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse() -> (Pulses, Arc<Pulse>) {
        let pulses = Pulses::default();
        let limits = crate::config::ListenerLimits {
            header_time: Duration::from_millis(100),
            idle_time: Duration::from_secs(1),
            write_time: Duration::from_millis(500),
            ..crate::config::ListenerLimits::for_tests()
        };
        let pulse = pulses.connect(&limits, 0);
        pulse.since.store(10_000, Ordering::Relaxed);
        pulse.now.store(10_000, Ordering::Relaxed);
        (pulses, pulse)
    }

    fn overdue_at(pulse: &Pulse, now: u64) -> u8 {
        pulse.look(now);
        pulse.overdue.load(Ordering::Relaxed)
    }

    #[test]
    fn each_phase_has_its_own_limit() {
        let (_pulses, pulse) = pulse();
        assert_eq!(overdue_at(&pulse, 11_000), 0, "idle, and not too long");
        pulse.now.store(11_000, Ordering::Relaxed);
        pulse.received();
        assert_eq!(overdue_at(&pulse, 11_100), 0);
        let under_way = pulse.begin();
        assert_eq!(overdue_at(&pulse, 60_000), 0, "an exchange has its own deadlines");
        pulse.now.store(60_000, Ordering::Relaxed);
        drop(under_way);
        assert_eq!(overdue_at(&pulse, 60_900), 0);
        assert_eq!(overdue_at(&pulse, 61_001), Overdue::Idle as u8 + 1);
    }

    #[test]
    fn an_h2_answer_that_nobody_takes_is_overdue_and_one_that_waits_for_its_upstream_is_not() {
        let (_pulses, pulse) = pulse();
        pulse.multiplexed();
        let _under_way = pulse.begin();
        let answer = pulse.answer().expect("it is h2");
        answer.asked(false);
        assert_eq!(overdue_at(&pulse, 60_000), 0);
        pulse.now.store(60_000, Ordering::Relaxed);
        answer.asked(true);
        assert_eq!(overdue_at(&pulse, 60_400), 0);
        assert_eq!(overdue_at(&pulse, 60_501), Overdue::Write as u8 + 1);
    }

    #[test]
    fn an_h2_head_has_its_own_time_whatever_else_is_under_way() {
        let (_pulses, pulse) = pulse();
        pulse.multiplexed();
        let _under_way = pulse.begin();
        pulse.heading(true, false);
        pulse.now.store(10_090, Ordering::Relaxed);
        pulse.heading(true, true);
        assert_eq!(overdue_at(&pulse, 10_101), 0, "it is another one");
        pulse.heading(false, true);
        assert_eq!(overdue_at(&pulse, 60_000), 0);
        pulse.now.store(60_000, Ordering::Relaxed);
        pulse.heading(true, false);
        pulse.now.store(60_090, Ordering::Relaxed);
        pulse.heading(true, false);
        assert_eq!(overdue_at(&pulse, 60_101), Overdue::Head as u8 + 1, "more bytes do not buy more time");
    }

    #[test]
    fn a_slow_head_and_a_stalled_write_are_overdue() {
        let (_pulses, slow) = pulse();
        slow.received();
        slow.now.store(10_090, Ordering::Relaxed);
        slow.received();
        assert_eq!(overdue_at(&slow, 10_101), Overdue::Head as u8 + 1, "more bytes do not buy more time");
        let (_pulses, stalled) = pulse();
        let _under_way = stalled.begin();
        stalled.stalled.store(10_000, Ordering::Relaxed);
        assert_eq!(overdue_at(&stalled, 10_400), 0);
        assert_eq!(overdue_at(&stalled, 10_501), Overdue::Write as u8 + 1);
    }
}
