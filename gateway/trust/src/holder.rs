use std::sync::Arc;
use std::time::Duration;

use exchange::Timestamp;

use crate::key_ring::{after, seconds_up, since};

/// When a voucher is asked for, for one client and one purpose, as decisions over a clock handed in; the asking is somebody else's
/// (pdnd-modi §1.5, §1.15). The clock is a monotonic one, counted from whenever: what lasts a while lasts as long when the wall clock
/// is set.
///
/// `T` is what the voucher is kept as. Whoever needs one asks [`VoucherHolder::look`], under whatever lock guards the holder and the
/// token server's health; whoever was told to ask PDND tells how it ended, and then all that wait look again.
#[derive(Debug)]
pub struct VoucherHolder<T> {
    held: Option<Arc<Held<T>>>,
    /// Since when somebody asks.
    asked_at: Option<Timestamp>,
    /// A provider did not take the voucher held: the next is due.
    doubted: bool,
    /// PDND said no, and until when nobody asks again.
    refused: Option<(TokenFault, Timestamp)>,
}

/// A voucher that was obtained.
#[derive(Debug)]
pub struct Held<T> {
    /// What it is kept as.
    pub voucher: T,
    obtained_at: Timestamp,
    renew_at: Timestamp,
    good_until: Timestamp,
}

impl<T> Held<T> {
    /// A voucher that lives so long, [`SHORTEST_LIFE`] at least. It is renewed when less than half a minute, or a tenth of its life, is
    /// left; one that lives shorter, after half of its life.
    pub fn new(voucher: T, lifetime: Duration, now: Timestamp) -> Self {
        let lifetime = lifetime.max(SHORTEST_LIFE);
        let ahead = AHEAD.max(lifetime / 10).min(lifetime / 2);
        Self {
            voucher,
            obtained_at: now,
            renew_at: after(now, lifetime.saturating_sub(ahead)),
            good_until: after(now, lifetime.saturating_sub(UNDER_WAY)),
        }
    }

    /// Whether it can be shown: it will still be good when it arrives.
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.good_until
    }

    /// Whether it should be renewed.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.renew_at
    }
}

/// The shortest life of a voucher that can be used: one that ends sooner would be asked for without end.
pub const SHORTEST_LIFE: Duration = Duration::from_secs(10);
/// How long before its end a voucher is renewed, at least.
const AHEAD: Duration = Duration::from_secs(30);
/// How long a request may take until a provider looks at its voucher.
const UNDER_WAY: Duration = Duration::from_secs(2);
/// How long nobody asks again after a refusal: its cause is somebody's to mend.
const REFUSED_FOR: Duration = Duration::from_secs(45);
/// The same after an answer that is of no use.
const UNUSABLE_FOR: Duration = Duration::from_secs(10);
/// How long a request for a voucher may take before it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// Why PDND gave no voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It refused (400 and whatever else is the client's fault): assertion, key, agreement or purpose are not in order.
    #[error("PDND refuses a voucher to this client for this purpose")]
    Refused,
    /// It is asked too often (429).
    #[error("PDND is asked for vouchers too often")]
    Limited {
        /// For how long nobody should ask.
        wait: Duration,
    },
    /// It gave what is no voucher, or none of this client for this purpose, or one that ends at once: its answers to others may be good.
    #[error("PDND gives this client what is no voucher")]
    Unusable,
    /// It did not answer, or with a fault of its own (5xx).
    #[error("PDND gives no vouchers now")]
    Unreachable,
}

impl TokenFault {
    /// How long nobody asks again for the same client and purpose; of a server that does not answer, its health tells.
    fn wait(self) -> Duration {
        match self {
            Self::Refused => REFUSED_FOR,
            Self::Unusable => UNUSABLE_FOR,
            Self::Limited { wait } => wait,
            Self::Unreachable => Duration::ZERO,
        }
    }

    /// Seconds until another try is worth while.
    pub fn retry_after(self) -> u32 {
        seconds_up(self.wait()).max(1)
    }
}

/// What whoever needs a voucher is to do.
#[derive(Clone, Debug)]
pub enum VoucherLook<T> {
    /// Use it.
    Good(Arc<Held<T>>),
    /// Use it, and ask for the next one meanwhile.
    Renew(Arc<Held<T>>),
    /// Ask, and wait for the answer.
    Ask,
    /// Wait for the answer: somebody asks already.
    Wait,
    /// Ask, but do not wait: it is not likely to answer.
    Probe {
        /// Seconds until another try is worth while.
        retry_after: u32,
    },
    /// Nobody asks now.
    Unavailable {
        /// Why.
        fault: TokenFault,
        /// Seconds until another try is worth while.
        retry_after: u32,
    },
}

impl<T> Default for VoucherHolder<T> {
    fn default() -> Self {
        Self { held: None, asked_at: None, doubted: false, refused: None }
    }
}

impl<T> VoucherHolder<T> {
    /// What to do.
    pub fn look(&mut self, server: &mut TokenServerHealth, now: Timestamp) -> VoucherLook<T> {
        let good = self.held.clone().filter(|held| held.is_good(now));
        if let Some(held) = good.as_ref().filter(|held| !held.is_due(now) && !self.doubted) {
            return VoucherLook::Good(held.clone());
        }
        if since(self.asked_at, now) < LOST_AFTER {
            return match good {
                Some(held) => VoucherLook::Good(held),
                None if server.is_failing() => server.unavailable(now),
                None => VoucherLook::Wait,
            };
        }
        if let Some((fault, until)) = self.refused.filter(|(_, until)| now < *until) {
            let retry_after = seconds_up(since(Some(now), until)).max(1);
            return good.map_or(VoucherLook::Unavailable { fault, retry_after }, VoucherLook::Good);
        }
        let answer = match server.ask(now) {
            Asking::Healthy => good.map_or(VoucherLook::Ask, VoucherLook::Renew),
            Asking::Probe { retry_after } => good.map_or(VoucherLook::Probe { retry_after }, VoucherLook::Renew),
            Asking::NotNow => return good.map_or_else(|| server.unavailable(now), VoucherLook::Good),
        };
        self.asked_at = Some(now);
        answer
    }

    /// PDND gave this voucher.
    pub fn obtained(&mut self, held: Arc<Held<T>>, server: &mut TokenServerHealth) {
        (self.held, self.asked_at, self.doubted, self.refused) = (Some(held), None, false, None);
        server.answered();
    }

    /// A provider did not take the voucher: unless it is fresh, in which case another would fare no better, the next is due. Until that
    /// one is there it is used on: what one provider refuses another may take. Tells whether the next is due.
    pub fn doubt(&mut self, now: Timestamp) -> bool {
        let is_fresh = self.held.as_ref().is_none_or(|held| since(Some(held.obtained_at), now) < AHEAD);
        self.doubted |= !is_fresh;
        !is_fresh
    }

    /// Whether a voucher may be asked for that serves one exchange only, because it is bound to its evidence (AUDIT_REST_02). Such a
    /// one is never held; how it ended is told with [`VoucherHolder::answered`] and [`VoucherHolder::refused`].
    ///
    /// Where the server is failing, one that nobody waits for is asked for first: `Some` seconds until it is worth while to try again.
    ///
    /// # Errors
    /// Nobody asks now: why, and the seconds until another try is worth while.
    pub fn may_ask(&mut self, server: &mut TokenServerHealth, now: Timestamp) -> Result<Option<u32>, (TokenFault, u32)> {
        if let Some((fault, until)) = self.refused.filter(|(_, until)| now < *until) {
            return Err((fault, seconds_up(since(Some(now), until)).max(1)));
        }
        match server.ask(now) {
            Asking::Healthy => Ok(None),
            Asking::Probe { retry_after } => {
                self.asked_at = Some(now);
                Ok(Some(retry_after))
            }
            Asking::NotNow => Err((TokenFault::Unreachable, server.seconds_left(now))),
        }
    }

    /// PDND gave a voucher that serves one exchange only.
    pub fn answered(&mut self, server: &mut TokenServerHealth) {
        self.refused = None;
        server.answered();
    }

    /// PDND gave none. `random` spreads those who ask again.
    pub fn failed(&mut self, fault: TokenFault, server: &mut TokenServerHealth, now: Timestamp, random: u8) {
        let asked_at = self.asked_at.take();
        self.refused(fault, asked_at, server, now, random);
    }

    /// PDND gave no voucher of those that serve one exchange only, which was asked for at that time.
    pub fn refused(&mut self, fault: TokenFault, asked_at: Option<Timestamp>, server: &mut TokenServerHealth, now: Timestamp, random: u8) {
        if fault == TokenFault::Unreachable {
            return server.failed(asked_at, now, random);
        }
        server.answered();
        self.refused = Some((fault, after(now, spread(fault.wait(), random))));
    }
}

/// Whether a token server answers: one for all clients of an environment, so that however many they are, one probe is under way.
#[derive(Debug, Default)]
pub struct TokenServerHealth {
    failures: u32,
    failed_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
}

enum Asking {
    Healthy,
    Probe { retry_after: u32 },
    NotNow,
}

/// The longest time between two probes.
const MOST_APART: Duration = Duration::from_secs(30);

impl TokenServerHealth {
    /// Whether it failed when it was last asked.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    fn ask(&mut self, now: Timestamp) -> Asking {
        if !self.is_failing() {
            return Asking::Healthy;
        }
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return Asking::NotNow;
        }
        // The next one not before this one's answer could have come.
        self.not_before = Some(after(now, MOST_APART));
        Asking::Probe { retry_after: seconds_up(self.apart()).max(1) }
    }

    fn unavailable<T>(&self, now: Timestamp) -> VoucherLook<T> {
        VoucherLook::Unavailable { fault: TokenFault::Unreachable, retry_after: self.seconds_left(now) }
    }

    fn seconds_left(&self, now: Timestamp) -> u32 {
        let left = self.not_before.filter(|not_before| now < *not_before).map_or(Duration::ZERO, |not_before| since(Some(now), not_before));
        seconds_up(left).max(1)
    }

    /// One second after the first failure, then twice as long each time.
    fn apart(&self) -> Duration {
        MOST_APART.min(Duration::from_secs(1 << self.failures.saturating_sub(1).min(5)))
    }

    fn answered(&mut self) {
        *self = Self::default();
    }

    fn failed(&mut self, asked_at: Option<Timestamp>, now: Timestamp, random: u8) {
        // What many asked for at the same time fails once.
        let is_same = asked_at.zip(self.failed_at).is_some_and(|(asked, failed)| asked < failed);
        if !is_same {
            self.failures = self.failures.saturating_add(1);
            self.not_before = Some(after(now, spread(self.apart(), random)));
        }
        self.failed_at = Some(now);
    }
}

/// Up to a quarter longer, so that not all come back at once.
fn spread(wait: Duration, random: u8) -> Duration {
    wait + wait * u32::from(random) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_795_282_000 + second)
    }

    /// What a look comes to, in a word.
    fn word(look: VoucherLook<&'static str>) -> String {
        match look {
            VoucherLook::Good(held) => format!("good {}", held.voucher),
            VoucherLook::Renew(held) => format!("renew {}", held.voucher),
            VoucherLook::Ask => "ask".into(),
            VoucherLook::Wait => "wait".into(),
            VoucherLook::Probe { retry_after } => format!("probe {retry_after}"),
            VoucherLook::Unavailable { fault, retry_after } => format!(
                "{} {retry_after}",
                match fault {
                    TokenFault::Refused => "refused",
                    TokenFault::Limited { .. } => "limited",
                    TokenFault::Unusable => "unusable",
                    TokenFault::Unreachable => "unreachable",
                }
            ),
        }
    }

    #[derive(Default)]
    struct Trial {
        holder: VoucherHolder<&'static str>,
        server: TokenServerHealth,
    }

    impl Trial {
        fn look(&mut self, second: i64) -> String {
            word(self.holder.look(&mut self.server, at(second)))
        }

        fn obtained(&mut self, voucher: &'static str, lifetime: u64, second: i64) {
            let held = Arc::new(Held::new(voucher, Duration::from_secs(lifetime), at(second)));
            self.holder.obtained(held, &mut self.server);
        }

        fn failed(&mut self, fault: TokenFault, second: i64) {
            self.holder.failed(fault, &mut self.server, at(second), 0);
        }
    }

    #[test]
    fn one_asks_for_all_and_renews_ahead() {
        let mut trial = Trial::default();
        assert_eq!([trial.look(0), trial.look(0), trial.look(1)], ["ask", "wait", "wait"]);
        trial.obtained("a", 600, 1);
        assert_eq!([trial.look(1), trial.look(540)], ["good a", "good a"], "a tenth of ten minutes is left at 541");
        assert_eq!([trial.look(541), trial.look(542)], ["renew a", "good a"], "one renews");
        trial.obtained("b", 60, 543);
        assert_eq!([trial.look(572), trial.look(573)], ["good b", "renew b"], "half a minute is left, and half of its life");
        // Whoever asked never told how it ended.
        assert_eq!([trial.look(600), trial.look(602), trial.look(603)], ["good b", "wait", "ask"]);
        // A provider that refuses a fresh voucher would refuse the next one too.
        trial.obtained("c", 600, 604);
        assert_eq!((trial.holder.doubt(at(633)), trial.look(633)), (false, "good c".into()));
        assert_eq!((trial.holder.doubt(at(634)), trial.look(634), trial.look(635)), (true, "renew c".into(), "good c".into()));
        // What is there is used on, however often PDND fails to give the next.
        trial.failed(TokenFault::Unreachable, 636);
        assert_eq!([trial.look(636), trial.look(637)], ["good c", "renew c"]);
        trial.obtained("d", 600, 638);
        assert_eq!(trial.look(639), "good d");
        // One that ends at once is asked for twice in its shortest life, not without end.
        trial.obtained("e", 0, 700);
        assert_eq!([trial.look(700), trial.look(704), trial.look(705)], ["good e", "good e", "renew e"]);
    }

    #[test]
    fn a_refusal_is_not_repeated_and_takes_no_good_voucher_away() {
        let mut trial = Trial::default();
        assert_eq!(trial.look(0), "ask");
        trial.failed(TokenFault::Refused, 1);
        assert_eq!([trial.look(1), trial.look(45), trial.look(46)], ["refused 45", "refused 1", "ask"]);
        trial.failed(TokenFault::Limited { wait: Duration::from_secs(2) }, 46);
        assert_eq!([trial.look(46), trial.look(48)], ["limited 2", "ask"]);
        trial.obtained("a", 100, 48);
        assert_eq!(trial.look(120), "renew a");
        trial.failed(TokenFault::Refused, 120);
        assert_eq!([trial.look(121), trial.look(145), trial.look(146)], ["good a", "good a", "refused 19"]);
    }

    /// PDND is gone for an hour (issue's proof d): while a voucher lives it serves; then each is told at once, and at most one probe in
    /// half a minute is sent, whichever client needs it.
    #[test]
    fn an_hour_without_pdnd() {
        let mut trial = Trial::default();
        assert_eq!(trial.look(0), "ask");
        trial.obtained("a", 600, 0);
        let mut other: VoucherHolder<&'static str> = VoucherHolder::default();
        let mut probes = Vec::new();
        for second in 1..60 * MINUTE {
            let looks = [trial.look(second), word(other.look(&mut trial.server, at(second)))];
            let asked = looks.iter().any(|look| ["ask", "renew a"].contains(&look.as_str()) || look.starts_with("probe"));
            if second < 598 {
                assert!(looks[0].ends_with(" a"), "{second}: {}", looks[0]);
            } else {
                assert!(["probe", "unreachable"].iter().any(|word| looks[0].starts_with(word)), "{second}: {}", looks[0]);
            }
            if asked {
                probes.push(second);
                trial.holder.failed(TokenFault::Unreachable, &mut trial.server, at(second), 255);
                other.failed(TokenFault::Unreachable, &mut trial.server, at(second), 255);
            }
        }
        let late: Vec<i64> = probes.iter().copied().filter(|&second| second > 2 * MINUTE).collect();
        assert!(late.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{late:?}");
        assert!(late.len() > 90, "and it is not given up: {}", late.len());
        // The first probe that is answered ends it for all.
        let next = (60 * MINUTE..61 * MINUTE).find(|&second| trial.look(second).starts_with("probe")).expect("a probe");
        trial.obtained("b", 600, next);
        assert_eq!(trial.look(next), "good b");
        assert_eq!(word(other.look(&mut trial.server, at(next))), "ask");
    }

    #[test]
    fn one_that_serves_a_single_exchange_is_asked_for_by_the_same_rules() {
        let Trial { mut holder, mut server } = Trial::default();
        assert_eq!(holder.may_ask(&mut server, at(0)), Ok(None));
        assert_eq!(holder.may_ask(&mut server, at(0)), Ok(None), "each needs its own");
        holder.refused(TokenFault::Unreachable, Some(at(0)), &mut server, at(1), 0);
        holder.refused(TokenFault::Unreachable, Some(at(0)), &mut server, at(1), 0);
        assert_eq!(holder.may_ask(&mut server, at(1)), Err((TokenFault::Unreachable, 1)));
        assert_eq!(
            [holder.may_ask(&mut server, at(2)), holder.may_ask(&mut server, at(2))],
            [Ok(Some(1)), Err((TokenFault::Unreachable, 30))]
        );
        holder.answered(&mut server);
        assert_eq!(holder.may_ask(&mut server, at(3)), Ok(None));
        holder.refused(TokenFault::Refused, Some(at(3)), &mut server, at(4), 0);
        assert_eq!(holder.may_ask(&mut server, at(5)), Err((TokenFault::Refused, 44)));
    }

    #[test]
    fn many_that_fail_together_fail_once() {
        let mut server = TokenServerHealth::default();
        let mut holders: Vec<VoucherHolder<&'static str>> = (0..50).map(|_| VoucherHolder::default()).collect();
        for holder in &mut holders {
            assert_eq!(word(holder.look(&mut server, at(0))), "ask");
        }
        for holder in &mut holders {
            holder.failed(TokenFault::Unreachable, &mut server, at(1), 0);
        }
        assert_eq!(word(holders[0].look(&mut server, at(1))), "unreachable 1");
        let asked: Vec<String> = holders.iter_mut().map(|holder| word(holder.look(&mut server, at(2)))).collect();
        assert_eq!(asked.iter().filter(|look| look.starts_with("probe")).count(), 1, "{asked:?}");
    }
}
