//! What becomes of answers.

use http::StatusCode;

use crate::answer::AnswerCheck;
use crate::described::StatusKey;
use crate::read30;

/// What the configuration asks of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerMode {
    /// An answer that does not keep the contract does not reach the caller: our own e-services.
    Enforce,
    /// It does, and is recorded: others' documents, which are often wrong.
    Report,
    /// Nothing is looked at.
    Off,
}

/// The same for each status: its own mode, its class's, that of all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerModes {
    /// That of all others is always among them.
    listed: Vec<(StatusKey, AnswerMode)>,
}

impl AnswerModes {
    /// One mode for every status.
    pub fn all(mode: AnswerMode) -> Self {
        Self { listed: vec![(StatusKey::Default, mode)] }
    }

    /// Sets the mode of what a document would write as `404`, `4XX` or `default`; not, if it is none of these.
    #[must_use]
    pub fn set(&mut self, status: &str, mode: AnswerMode) -> bool {
        let key = read30::status(status);
        // What was said before of the same is no more.
        self.listed.retain(|(listed, _)| Some(*listed) != key);
        self.listed.extend(key.map(|key| (key, mode)));
        key.is_some()
    }

    /// The mode of a status.
    pub fn of(&self, status: StatusCode) -> AnswerMode {
        StatusKey::closest(&self.listed, status.as_u16(), |(key, _)| *key).map_or(AnswerMode::Enforce, |(_, mode)| *mode)
    }

    /// Whether no answer is looked at.
    pub fn is_off(&self) -> bool {
        self.listed.iter().all(|(_, mode)| *mode == AnswerMode::Off)
    }
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerVerdict {
    /// It goes on.
    Pass,
    /// It goes on as it is, and the drift is recorded.
    PassWithDrift,
    /// The status goes on with a problem of ours in place of the body, and the drift is recorded.
    ReplaceWithProblem {
        /// The status of the answer.
        status: StatusCode,
    },
    /// The caller is told 502, and the drift is recorded.
    BadGateway,
}

/// A refusal that the document forgot must still reach the caller as that refusal; only a success that is not what the
/// contract promises is withheld.
pub fn verdict(mode: AnswerMode, status: StatusCode, check: &AnswerCheck) -> AnswerVerdict {
    match (mode, check) {
        (AnswerMode::Off, _) | (_, AnswerCheck::Conforms(_)) => AnswerVerdict::Pass,
        (AnswerMode::Report, AnswerCheck::Drifts { .. }) => AnswerVerdict::PassWithDrift,
        (AnswerMode::Enforce, AnswerCheck::Drifts { .. }) if status.as_u16() >= 400 => AnswerVerdict::ReplaceWithProblem { status },
        (AnswerMode::Enforce, AnswerCheck::Drifts { .. }) => AnswerVerdict::BadGateway,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_its_own_mode_its_classs_or_that_of_all_others() {
        let mut modes = AnswerModes::all(AnswerMode::Off);
        assert!(modes.is_off());
        for (status, mode) in [("404", AnswerMode::Report), ("4XX", AnswerMode::Off), ("default", AnswerMode::Enforce)] {
            assert!(modes.set(status, mode), "{status}");
        }
        for status in ["", "4", "404x", "6000"] {
            assert!(!modes.set(status, AnswerMode::Off), "{status}");
        }
        assert!(!modes.is_off());
        for (status, mode) in [(404, AnswerMode::Report), (400, AnswerMode::Off), (200, AnswerMode::Enforce)] {
            assert_eq!(modes.of(StatusCode::from_u16(status).expect("a status")), mode, "{status}");
        }
    }
}
