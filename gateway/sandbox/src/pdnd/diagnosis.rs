use std::collections::VecDeque;

use exchange::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use trust::AssertionFault;
use uuid::Uuid;

/// How many requests are remembered.
const KEPT: usize = 256;
/// How much of what a client called itself is remembered.
const LONGEST_NAME: usize = 64;

/// What became of one token request: what PDND's portal shows on its page for debugging client assertions, and its token
/// endpoint never says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// When, by the sandbox's clock.
    pub at: Timestamp,
    /// The `correlationId` of the answer.
    pub correlation: Uuid,
    /// `client_id` as the form said it.
    pub client: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A voucher of this `jti` was issued.
    Issued(Uuid),
    /// It was refused for this.
    Refused(AssertionFault),
    /// The request was not a form, or carried a DPoP proof, which the sandbox does not verify.
    NotTaken(&'static str),
    /// The organisation had asked too much.
    TooMany,
}

impl Diagnosis {
    /// The code that the portal shows: `015-0016`; none where nothing was wrong with the assertion.
    pub fn code(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Refused(fault) => Some(fault.code()),
            Outcome::Issued(_) | Outcome::NotTaken(_) | Outcome::TooMany => None,
        }
    }

    pub(crate) fn json(&self) -> Value {
        let (outcome, detail) = match self.outcome {
            Outcome::Issued(jti) => ("issued", format!("jti {jti}")),
            Outcome::Refused(fault) => ("refused", fault.to_string()),
            Outcome::NotTaken(why) => ("refused", why.to_owned()),
            Outcome::TooMany => ("refused", "too many requests".to_owned()),
        };
        json!({
            "at": self.at.to_string(),
            "correlationId": self.correlation.to_string(),
            "clientId": self.client,
            "outcome": outcome,
            "code": self.code(),
            "detail": detail,
        })
    }
}

/// The latest diagnoses.
#[derive(Debug, Default)]
pub(crate) struct Diagnoses(Mutex<VecDeque<Diagnosis>>);

impl Diagnoses {
    pub(crate) fn push(&self, mut diagnosis: Diagnosis) {
        let cut = diagnosis.client.char_indices().nth(LONGEST_NAME).map(|(at, _)| at);
        diagnosis.client.truncate(cut.unwrap_or(usize::MAX));
        let mut latest = self.0.lock();
        if latest.len() == KEPT {
            latest.pop_front();
        }
        latest.push_back(diagnosis);
    }

    /// Oldest first.
    pub(crate) fn all(&self) -> Vec<Diagnosis> {
        self.0.lock().iter().cloned().collect()
    }
}
