//! The way of a request: it reads downwards, the answer back up.

use std::convert::Infallible;
use std::sync::Arc;

use tower::ServiceBuilder;

use crate::message::{Request, Response};
use crate::respond::{respond, respond_below};
use crate::stage::adapt::adapt;
use crate::stage::admit::admit;
use crate::stage::authenticate::authenticate;
use crate::stage::begin::begin;
use crate::stage::contract::{contract_answer, contract_request};
use crate::stage::decode::decode;
use crate::stage::dialect::dialect;
use crate::stage::integrity::integrity;
use crate::stage::layer::{Stage, StageFuture, around, check, end};
use crate::stage::lookup::lookup;
use crate::stage::own::own;
use crate::stage::policy::policy;
use crate::stage::read::read;
use crate::stage::record::record;
use crate::stage::representation::representation;
use crate::stage::route::route;
use crate::stage::sign::sign;
use crate::stage::upstream::upstream;
use crate::stage::voucher::voucher;

/// The stack. Built once a worker and shared by all its exchanges; an exchange brings its own snapshot, so a reload does not
/// rebuild it.
pub fn gateway() -> Gateway {
    let stack = ServiceBuilder::new()
        // Outermost, so that a refusal leaves its record as surely as an answer does, and no answer leaves before its record.
        .layer(record())
        // Below this line a stage may fail; above it the error type is Infallible.
        .layer(respond())
        // The e-service chosen here brings its contract, keys, policy, limits and adapter.
        .layer(check(route))
        // A sign of life, or what a path can be asked, costs nobody anything and tells nobody anything: it is asked without a voucher.
        .layer(around(own))
        // Who calls, then how much they may: signature before meaning, meaning before cost.
        .layer(check(authenticate))
        // After the caller is known, because limits are each party's own; before the body, because that is what costs.
        .layer(check(admit))
        // The body is held only if somebody below needs it whole, within its limit and the process's budget.
        .layer(check(read))
        // What was digested or signed is held against the bytes that came, before anybody reads a meaning into them.
        .layer(check(integrity))
        // Then it is decoded, for those who read a meaning into it.
        .layer(check(decode))
        // The answer is signed after everything that may still change it,
        .layer(around(sign))
        // and so is a refusal of a caller who is known by now: it becomes an answer here.
        .layer(around(respond_below))
        // A part of an answer, or only a new one: what cannot be had of one that is read here, and what is decided here.
        .layer(around(representation))
        // REST or SOAP, as the caller speaks; below stands one kind of call.
        .layer(around(dialect))
        // Against the e-service's own document, so that policy and adapter see only valid values.
        .layer(check(contract_request))
        // May they, for this purpose, about this subject; what is withheld is cut on the way up.
        .layer(around(policy))
        // Under policy, so no caller is served what only another may see, and a mask is never part of a key.
        .layer(around(lookup))
        // What the upstream says is checked once, before it is kept or passed on.
        .layer(around(contract_answer))
        // REST on this side, SOAP on that one.
        .layer(around(adapt))
        // What our departments never touch: the voucher that the provider wants, theirs for this purpose.
        .layer(check(voucher))
        // The last moment before anything happens: a begin frame, durable, so that nothing can have happened unrecorded.
        .layer(check(begin))
        // The upstream: pool, deadline, retries only where safe, circuit breaker.
        .service(end(upstream));
    Gateway(stack.0)
}

/// The stack of one worker.
#[derive(Clone)]
pub struct Gateway(Arc<dyn Stage<Error = Infallible>>);

impl Gateway {
    /// Sends a request all the way.
    pub fn run(&self, request: Request) -> StageFuture<Result<Response, Infallible>> {
        self.0.run(request)
    }
}
