use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exchange::{Caller, ExchangeId, Timestamp, TraceContext};

use super::{AdapterUse, CacheUse, Commitments, Fixed, Latencies, MAX_RECORD, ModiUse, PolicyUse, Record, RecordError, Seal};
use crate::jcs::{Canonical, Object, key, push_hex};
use crate::record::Effect;

/// Written straight in canonical order, without a tree in between: this is on the path of every exchange.
pub(super) fn record<'o>(record: &Record<'_>, out: &'o mut Vec<u8>) -> Result<Canonical<'o>, RecordError> {
    finish(out, |out| {
        let mut members = Object::open(out);
        let o = &mut members;
        adapter(o, record.adapter.as_ref());
        cache(o, record.cache.as_ref());
        commitment(o, key!("case"), record.case.as_ref());
        fixed(o, key!("cfg"), record.configuration);
        o.string(key!("chan"), record.channel);
        commitments(o, &record.commitments);
        o.string(key!("corr"), record.correlation.filter(|value| super::is_safe_correlation(value)));
        o.string(key!("delegate"), record.delegate);
        o.string(key!("department"), record.department);
        o.word(key!("dir"), record.direction.map(super::Direction::name));
        o.strings(key!("drift"), record.drift.iter());
        o.string(key!("env"), record.environment);
        o.string(key!("err"), record.error);
        o.word(key!("ev"), Some(record.event.name()));
        id(o, key!("id"), record.id);
        latencies(o, &record.latencies);
        o.strings(key!("minim"), record.withheld.iter());
        modi(o, &record.modi);
        o.string(key!("node"), Some(record.node));
        fixed(o, key!("op"), record.operation);
        o.word(key!("out"), record.outcome.map(super::Outcome::name));
        caller(o, record.caller, record.keys_age);
        policy(o, record.policy.as_ref());
        if record.request_bytes.is_some() {
            o.object(key!("req"), |o| o.integer(key!("len"), record.request_bytes));
        }
        if record.answer_bytes.is_some() || record.status.is_some() {
            o.object(key!("res"), |o| {
                o.integer(key!("len"), record.answer_bytes);
                o.integer(key!("status"), record.status.map(u64::from));
            });
        }
        seal(o, record.seal.as_ref());
        o.string(key!("stage"), record.stage);
        o.integer(key!("subj_n"), record.subjects);
        instant(o, key!("t0"), Some(record.t0));
        instant(o, key!("t1"), record.t1);
        o.string(key!("tenant"), record.tenant);
        trace(o, record.trace);
        o.integer(key!("v"), Some(VERSION));
        Ok(members.close())
    })
}

/// The version of the record's members, frozen for the life of a log.
pub(super) const VERSION: u64 = 1;

/// Runs a writer, holds the result to the limits, and leaves `out` as it was when they are broken.
pub(super) fn finish(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<Option<&'static str>, RecordError>,
) -> Result<Canonical<'_>, RecordError> {
    let start = out.len();
    let written = write(out).and_then(|too_large| match too_large {
        Some(name) => Err(RecordError::IntegerTooLarge(name)),
        None if out.len() - start > MAX_RECORD => Err(RecordError::TooLong(out.len() - start)),
        None => Ok(()),
    });
    match written {
        Ok(()) => Ok(Canonical::written(&out[start..])),
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

pub(super) fn instant(o: &mut Object<'_>, key: &'static str, at: Option<Timestamp>) {
    if let Some(at) = at {
        o.plain(key, |out| out.extend_from_slice(&at.to_text()));
    }
}

pub(super) fn id(o: &mut Object<'_>, key: &'static str, id: Option<ExchangeId>) {
    let Some(id) = id else { return };
    o.plain(key, |out| out.extend_from_slice(&id.to_text()));
}

pub(super) fn hash(o: &mut Object<'_>, key: &'static str, digest: Option<&[u8; 32]>) {
    let Some(digest) = digest else { return };
    o.plain(key, |out| push_digest(out, digest));
}

/// `sha256:` and lower-case hex.
pub(super) fn push_digest(out: &mut Vec<u8>, digest: &[u8; 32]) {
    out.extend_from_slice(b"sha256:");
    push_hex(out, digest);
}

fn fixed(o: &mut Object<'_>, key: &'static str, value: Option<&Fixed>) {
    if let Some(value) = value {
        o.name(key).extend_from_slice(value.bytes());
    }
}

fn adapter(o: &mut Object<'_>, adapter: Option<&AdapterUse>) {
    let Some(adapter) = adapter else { return };
    o.object(key!("ad"), |o| {
        o.integer(key!("attempts"), adapter.attempts);
        o.word(key!("name"), Some(adapter.name));
        o.word(key!("ver"), adapter.version);
    });
}

fn cache(o: &mut Object<'_>, cache: Option<&CacheUse>) {
    let Some(cache) = cache else { return };
    o.object(key!("cache"), |o| {
        o.integer(key!("age"), cache.age);
        id(o, key!("origin"), cache.origin);
        o.word(key!("state"), Some(cache.state.name()));
    });
}

fn commitment(o: &mut Object<'_>, name: &'static str, value: Option<&[u8; 32]>) {
    let Some(value) = value else { return };
    let mut text = [0; 44];
    // 32 bytes are always 44 characters, so there is room.
    if STANDARD.encode_slice(value, &mut text).is_ok() {
        o.plain(name, |out| out.extend_from_slice(&text));
    }
}

fn commitments(o: &mut Object<'_>, commitments: &Commitments) {
    let parts = [(key!("req"), commitments.request), (key!("res"), commitments.answer), (key!("subj"), commitments.subject)];
    if parts.iter().all(|(_, value)| value.is_none()) {
        return;
    }
    o.object(key!("com"), |o| {
        for (name, value) in parts {
            commitment(o, name, value.as_ref());
        }
    });
}

fn latencies(o: &mut Object<'_>, latencies: &Latencies) {
    let parts = [
        (key!("auth"), latencies.authentication),
        (key!("begin"), latencies.begin),
        (key!("policy"), latencies.policy),
        (key!("total"), latencies.total),
        (key!("upstream"), latencies.upstream),
    ];
    if parts.iter().any(|(_, value)| value.is_some()) {
        o.object(key!("lat"), |o| parts.into_iter().for_each(|(key, value)| o.integer(key, value)));
    }
}

fn modi(o: &mut Object<'_>, modi: &ModiUse<'_>) {
    if modi.audit_bound.is_none() && modi.patterns.iter().next().is_none() {
        return;
    }
    o.object(key!("modi"), |o| {
        o.string(key!("audit_bound"), modi.audit_bound);
        o.strings(key!("patterns"), modi.patterns.iter());
    });
}

fn caller(o: &mut Object<'_>, caller: Option<&Caller>, keys_age: Option<u64>) {
    let Some(caller) = caller.filter(|caller| **caller != Caller::default()) else { return };
    // A NumericDate before 1970 is no voucher's; the trust stage refuses it long before.
    let instant = |at: Option<i64>| at.and_then(|at| u64::try_from(at).ok());
    o.object(key!("pdnd"), |o| {
        o.string(key!("client"), caller.client.as_deref());
        o.string(key!("consumer"), caller.consumer.as_deref());
        o.string(key!("descriptor"), caller.descriptor.as_deref());
        o.string(key!("eservice"), caller.eservice.as_deref());
        o.integer(key!("exp"), instant(caller.expires_at));
        o.integer(key!("iat"), instant(caller.issued_at));
        o.string(key!("iss"), caller.issuer.as_deref());
        o.string(key!("jti"), caller.jti.as_deref());
        o.integer(key!("keys_age"), keys_age);
        o.string(key!("kid"), caller.kid.as_deref());
        o.string(key!("producer"), caller.producer.as_deref());
        o.string(key!("purpose"), caller.purpose.as_deref());
    });
}

fn policy(o: &mut Object<'_>, policy: Option<&PolicyUse<'_>>) {
    let Some(policy) = policy else { return };
    o.object(key!("pol"), |o| {
        o.word(key!("effect"), Some(if policy.effect == Effect::Permit { "permit" } else { "deny" }));
        id(o, key!("id"), policy.id);
        o.strings(key!("obl"), policy.obligations.iter());
        o.strings(key!("reasons"), policy.reasons.iter());
        fixed(o, key!("set"), policy.set);
    });
}

fn seal(o: &mut Object<'_>, seal: Option<&Seal<'_>>) {
    let Some(seal) = seal else { return };
    o.object(key!("seal"), |o| {
        hash(o, key!("h"), Some(&seal.hash));
        o.string(key!("kid"), Some(seal.kid));
        o.integer(key!("n"), Some(seal.bytes));
    });
}

fn trace(o: &mut Object<'_>, trace: Option<TraceContext>) {
    let Some(trace) = trace else { return };
    o.object(key!("trace"), |o| {
        o.plain(key!("flags"), |out| push_hex(out, &[trace.flags]));
        o.plain(key!("id"), |out| push_hex(out, &trace.trace));
        o.plain(key!("span"), |out| push_hex(out, &trace.span));
    });
}
