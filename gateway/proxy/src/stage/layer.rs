//! The two shapes a stage can have, as tower layers.
//!
//! [`check`] runs on the way down only and either passes the request on or refuses it. [`around`] may see the answer too. Both
//! hold the rest of the stack in an `Arc`: a request copies no more than one pointer for each, and nothing below is ever cloned.
//! A stage is always ready, because admission is a stage of its own and not a property of readiness.
//!
//! A stage that has nothing to wait for calls the next one and gives back its future: only those that wait, or that change
//! the answer, make one of their own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use crate::message::{Request, Response};
use crate::rejection::Rejection;

/// A boxed future of a stage.
pub type StageFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What every stage below `respond` gives: an answer to come, or a refusal.
pub type Answering = StageFuture<Result<Response, Rejection>>;

/// An answer that is there, or a refusal.
pub fn at_once(answer: Result<Response, Rejection>) -> Answering {
    Box::pin(std::future::ready(answer))
}

/// What a [`check`] came to.
pub enum Checked {
    /// It had nothing to wait for.
    Now(Result<Request, Rejection>),
    /// It waits: for a key, a body, the disk, the pool.
    Later(StageFuture<Result<Request, Rejection>>),
}

impl From<Result<Request, Rejection>> for Checked {
    fn from(checked: Result<Request, Rejection>) -> Self {
        Self::Now(checked)
    }
}

impl Checked {
    /// A check that waits.
    pub fn later(checked: impl Future<Output = Result<Request, Rejection>> + Send + 'static) -> Self {
        Self::Later(Box::pin(checked))
    }
}

/// What every service of the stack is: it takes `&self`, so it can be shared.
pub trait Stage: Send + Sync + 'static {
    /// What it fails with: [`Rejection`] below `respond`, `Infallible` above.
    type Error: Send + 'static;
    /// Runs the stage.
    fn run(&self, request: Request) -> StageFuture<Result<Response, Self::Error>>;
}

/// A stage of the stack as tower sees it. Cloning it copies a pointer.
#[derive(Debug)]
pub struct Shared<S>(pub Arc<S>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Stage> Service<Request> for Shared<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = StageFuture<Result<Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.run(request)
    }
}

/// A stage that passes the request on or refuses it.
pub fn check<F>(stage: F) -> CheckLayer<F> {
    CheckLayer(stage)
}

/// The layer that [`check`] makes.
#[derive(Clone, Debug)]
pub struct CheckLayer<F>(F);

impl<S, F> Layer<Shared<S>> for CheckLayer<F>
where
    F: Clone,
{
    type Service = Shared<Check<S, F>>;

    fn layer(&self, below: Shared<S>) -> Self::Service {
        Shared(Arc::new(Check { stage: self.0.clone(), below: below.0 }))
    }
}

/// The service that [`check`] makes.
#[derive(Debug)]
pub struct Check<S, F> {
    stage: F,
    below: Arc<S>,
}

impl<S, F, R> Stage for Check<S, F>
where
    S: Stage<Error = Rejection>,
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Into<Checked>,
{
    type Error = Rejection;

    fn run(&self, request: Request) -> Answering {
        match (self.stage)(request).into() {
            Checked::Now(Ok(request)) => self.below.run(request),
            Checked::Now(Err(rejection)) => at_once(Err(rejection)),
            Checked::Later(checked) => {
                let below = self.below.clone();
                Box::pin(async move { below.run(checked.await?).await })
            }
        }
    }
}

/// A stage that sees the request, and the answer if it wants to.
pub fn around<F>(stage: F) -> AroundLayer<F> {
    AroundLayer(stage)
}

/// The layer that [`around`] makes.
#[derive(Clone, Debug)]
pub struct AroundLayer<F>(F);

impl<S, F> Layer<Shared<S>> for AroundLayer<F>
where
    S: Stage<Error = Rejection>,
    F: Clone,
{
    type Service = Shared<Around<F>>;

    fn layer(&self, below: Shared<S>) -> Self::Service {
        Shared(Arc::new(Around { stage: self.0.clone(), below: below.0 }))
    }
}

/// The rest of the stack, as an [`around`] stage sees it. It may run it once, more often or not at all.
pub type Next = Arc<dyn Stage<Error = Rejection>>;

/// The service that [`around`] makes.
pub struct Around<F> {
    stage: F,
    below: Next,
}

impl<F> Stage for Around<F>
where
    F: Fn(Request, &Next) -> Answering + Send + Sync + 'static,
{
    type Error = Rejection;

    fn run(&self, request: Request) -> Answering {
        (self.stage)(request, &self.below)
    }
}

/// The end of the stack: what actually answers.
pub fn end<F>(stage: F) -> Shared<End<F>> {
    Shared(Arc::new(End(stage)))
}

/// The service that [`end`] makes.
#[derive(Debug)]
pub struct End<F>(F);

impl<F> Stage for End<F>
where
    F: Fn(Request) -> Answering + Send + Sync + 'static,
{
    type Error = Rejection;

    fn run(&self, request: Request) -> Answering {
        (self.0)(request)
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceBuilder;

    use super::*;

    /// What stands at the end of a stack, and cannot be cloned.
    struct Bottom;

    impl Stage for Bottom {
        type Error = Rejection;

        fn run(&self, _: Request) -> Answering {
            at_once(Err(Rejection::Internal))
        }
    }

    #[test]
    fn layers_share_what_is_below_them() {
        let bottom = Arc::new(Bottom);
        let (pass, run) = (|request: Request| Ok(request), |request: Request, next: &Next| next.run(request));
        let stack = ServiceBuilder::new()
            .layer(check(pass))
            .layer(around(run))
            .layer(check(pass))
            .layer(around(run))
            .service(Shared(bottom.clone()));
        assert_eq!(Arc::strong_count(&bottom), 2, "one here, and one for four layers");
        let again = stack.clone();
        assert_eq!(Arc::strong_count(&bottom), 2, "a stack is cloned by its outermost pointer");
        assert!(Arc::ptr_eq(&stack.0, &again.0));
    }
}
