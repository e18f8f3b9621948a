//! An upstream's answer, passing through: bounded in bytes and in total time.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::Version;
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::intake::{Intake, IntakeError};
use crate::budget::{ByteBudget, Gathering, Lease};
use crate::upstream::{InFlight, Returned};

/// Why an upstream's answer could not be had whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// More bytes than the limit.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The total time is over.
    #[error("the answer was not whole in time")]
    TooLate,
    /// The connection broke.
    #[error("the answer ended before it was whole")]
    Incomplete,
    /// The bytes of all bodies held together are at their limit.
    #[error("the bodies held now are at the process's limit")]
    NoRoom,
}

impl From<IntakeError> for StreamError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::TooLarge { limit } => Self::TooLarge { limit },
            IntakeError::Incomplete => Self::Incomplete,
        }
    }
}

/// An upstream's answer, passing through.
#[derive(Debug)]
pub struct UpstreamStream {
    intake: Intake,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// Goes back to its pool when the body has been read to its end; else it is closed with it.
    connection: Option<Returned>,
    /// Its place among the requests under way.
    _in_flight: InFlight,
}

impl UpstreamStream {
    /// Wraps hyper's body; the connection goes back to its pool when it has been read to its end.
    pub fn new(
        incoming: Incoming,
        version: Version,
        most_bytes: u64,
        deadline: Instant,
        connection: Option<Returned>,
        in_flight: InFlight,
    ) -> Self {
        let intake = Intake::new(incoming, version, most_bytes);
        let mut stream = Self { intake, deadline, timer: None, connection, _in_flight: in_flight };
        if stream.is_end() {
            stream.finish();
        }
        stream
    }

    fn finish(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.give_back();
        }
    }

    /// Whether there is nothing (more) in it.
    pub fn is_end(&self) -> bool {
        self.intake.is_end()
    }

    /// The exact length of what is still to come, if the upstream announced it.
    pub fn announced(&self) -> Option<u64> {
        self.intake.announced()
    }

    /// Refuses at once what announces more than the limit.
    pub fn check_announced(&self) -> Result<(), StreamError> {
        Ok(self.intake.check_announced()?)
    }

    /// All of it, if it is short and has come already.
    pub fn at_hand(&mut self) -> Option<Bytes> {
        let whole = self.intake.at_hand();
        if whole.is_some() {
            self.finish();
        }
        whole
    }

    /// Reads it whole, taking its bytes from the budget; the lease is to be held for as long as they are.
    pub async fn collect(mut self, budget: &Arc<ByteBudget>) -> Result<(Bytes, Lease), StreamError> {
        self.check_announced()?;
        let mut body = Gathering::begin(budget, self.announced()).ok_or(StreamError::NoRoom)?;
        while let Some(piece) = self.next().await.transpose()? {
            if !body.add(piece) {
                return Err(StreamError::NoRoom);
            }
        }
        Ok(body.finish())
    }

    async fn next(&mut self) -> Option<Result<Bytes, StreamError>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let polled = match &mut self.connection {
            Some(connection) => connection.drive(cx, |cx| self.intake.poll(cx)),
            None => self.intake.poll(cx),
        };
        if let Poll::Ready(data) = polled {
            let is_last = data.as_ref().is_none_or(|data| data.is_ok() && self.is_end());
            if is_last {
                self.finish();
            }
            return Poll::Ready(data.map(|data| data.map_err(Into::into)));
        }
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(StreamError::TooLate)))
    }
}
