//! The cache: answers that were given before, to whoever may have them now.
//!
//! It stands under policy, so no caller is served what only another may see. A hit is an exchange of its own, and its record
//! names the exchange whose answer it is.

use std::sync::Arc;
use std::time::Instant;

use adapter_api::AdapterError;
use exchange::{Json, json};
use http::StatusCode;
use http::header::{AGE, HeaderValue};
use parking_lot::Mutex;

use super::layer::{Answering, Next};
use crate::cache::{Kept, KeptBody, NotKept, Question, may_keep};
use crate::coding::forget_bytes;
use crate::config::CacheRules;
use crate::exchange::{Exchange, Lookup, Stage};
use crate::message::{Request, Response, ResponseBody};
use crate::rejection::Rejection;

/// Serves from the cache, or loads once for all who ask.
pub fn lookup(request: Request, next: &Next) -> Answering {
    let exchange = &request.exchange;
    if exchange.service().definition.operations[exchange.routed().operation].cache.is_none() {
        exchange.pass(Stage::Lookup);
        let _ = exchange.lookup.set(Lookup::Bypass);
        return next.run(request);
    }
    exchange.enter(Stage::Lookup);
    Box::pin(cached(request, next.clone()))
}

async fn cached(request: Request, next: Next) -> Result<Response, Rejection> {
    let exchange = request.exchange.clone();
    let definition = exchange.service().definition.clone();
    let rules = definition.operations[exchange.routed().operation].cache.as_ref().ok_or(Rejection::Internal)?;
    let question = Question::of(&definition, exchange.authenticated(), request.call(), &rules.ignore);
    let max_age = exchange.decision.get().and_then(|decision| decision.obligations.max_cache_age);
    let asked = request.call().body.json().cloned();
    let cache = exchange.worker.state.cache.clone();
    if let Some(kept) = cache.find(&question, max_age).await {
        return hit(&exchange, &kept, rules, asked.as_ref());
    }
    load(request, next, &exchange, question, rules, asked.as_ref()).await
}

/// One of those who ask asks the upstream; the others wait for its answer, and ask themselves if it may not be shared.
async fn load(
    request: Request,
    next: Next,
    exchange: &Arc<Exchange>,
    question: Question,
    rules: &CacheRules,
    asked: Option<&Json>,
) -> Result<Response, Rejection> {
    let cache = exchange.worker.state.cache.clone();
    // Of two futures only one runs: whichever does takes the request, and what it may not share it leaves here.
    let request = Arc::new(Mutex::new(Some(request)));
    let own = Arc::new(Mutex::new(None));
    let (loader, ttl, taken, left, below) = (exchange.clone(), rules.ttl, request.clone(), own.clone(), next.clone());
    let loading = async move {
        let request = taken.lock().take();
        let Some(request) = request else { return Err(NotKept::Uncacheable) };
        match below.run(request).await {
            Err(rejection) => {
                *left.lock() = Some(Err(rejection.clone()));
                Err(NotKept::Rejected(rejection))
            }
            Ok(response) => match keep(&response, &loader, ttl) {
                Some(kept) => {
                    *left.lock() = Some(Ok(response));
                    Ok(Arc::new(kept))
                }
                None => {
                    *left.lock() = Some(Ok(response));
                    Err(NotKept::Uncacheable)
                }
            },
        }
    };
    let loaded = cache.load(question, loading).await;
    let answered = own.lock().take();
    if let Some(answered) = answered {
        let _ = exchange.lookup.set(Lookup::Miss);
        return answered;
    }
    let not_kept = match loaded {
        // Nobody is there any more to be told what another's exchange learned.
        Ok(_) if exchange.is_caller_gone() => return Err(Rejection::Abandoned),
        Ok(kept) => return hit(exchange, &kept, rules, asked),
        Err(not_kept) => not_kept,
    };
    let request = request.lock().take();
    match (&*not_kept, request) {
        // The one who loaded went away, or what it alone had said could not be mapped: one of those who waited loads instead.
        (NotKept::Rejected(Rejection::Abandoned | Rejection::Adapter(AdapterError::Call(_))), Some(request)) => {
            Box::pin(load(request, next, exchange, question, rules, asked)).await
        }
        // Its answer was its own, or its record failed: ask for ourselves, without waiting for anybody.
        (NotKept::Uncacheable | NotKept::Rejected(Rejection::Audit), Some(request)) => {
            let _ = exchange.lookup.set(Lookup::Bypass);
            next.run(request).await
        }
        (NotKept::Rejected(rejection), _) => Err(rejection.clone()),
        (NotKept::Uncacheable, None) => Err(Rejection::Internal),
    }
}

/// What of an answer is kept, if it may be: a plain success that is held whole and whose upstream does not forbid it.
fn keep(response: &Response, exchange: &Exchange, ttl: std::time::Duration) -> Option<Kept> {
    if response.status != StatusCode::OK || !may_keep(&response.headers) {
        return None;
    }
    let body = match &response.body {
        ResponseBody::Json(json) => KeptBody::Json(json.clone()),
        ResponseBody::Held(bytes) => KeptBody::Bytes(bytes.clone()),
        ResponseBody::Streamed(_) => return None,
    };
    let mut headers = response.headers.clone();
    headers.remove(AGE);
    let drift = exchange.drift.get().cloned();
    Some(Kept { status: response.status, headers, body, drift, origin: exchange.id, since: Instant::now(), ttl })
}

fn hit(exchange: &Exchange, kept: &Kept, rules: &CacheRules, asked: Option<&Json>) -> Result<Response, Rejection> {
    let age = kept.age().as_secs();
    let _ = exchange.lookup.set(Lookup::Hit { origin: kept.origin, age });
    if let Some(drift) = &kept.drift {
        let _ = exchange.drift.set(drift.clone());
    }
    let mut headers = kept.headers.clone();
    if !rules.echo.is_empty() {
        // It is about the answer that another caller got.
        forget_bytes(&mut headers);
    }
    headers.insert(AGE, HeaderValue::from(age));
    let body = match &kept.body {
        KeptBody::Bytes(bytes) => ResponseBody::Held(bytes.clone()),
        KeptBody::Json(json) => ResponseBody::Json(echo(json, rules, asked)?),
    };
    Ok(Response { status: kept.status, headers, body })
}

/// Puts the members that are the caller's own (an operation id, say) back into an answer that another caller got.
fn echo(kept: &Json, rules: &CacheRules, asked: Option<&Json>) -> Result<Json, Rejection> {
    let Some(asked) = asked.filter(|_| !rules.echo.is_empty()) else { return Ok(kept.clone()) };
    let own: Vec<_> = rules.echo.iter().filter_map(|pointer| Some((pointer, asked.root().select(pointer).first()?.raw()))).collect();
    let text = json::replace(kept, &own);
    Json::read(text, &exchange::JsonLimits::default()).map_err(|_| Rejection::Internal)
}
