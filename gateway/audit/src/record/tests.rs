use std::sync::LazyLock;

use bytes::Bytes;
use exchange::{Caller, ExchangeId, Json, JsonLimits, Timestamp, TraceContext};

use super::*;
use crate::jcs;
use crate::{leaf_hash, orphaned};

/// What a generic encoder makes of the record's text; it knows nothing of how the record was written.
fn through_generic_encoder(record: &[u8]) -> Vec<u8> {
    let json = Json::read(Bytes::copy_from_slice(record), &JsonLimits::default()).expect("a record is JSON");
    let mut out = Vec::new();
    jcs::encode(json.root(), &mut out).expect("a record is within the profile");
    out
}

fn written(record: &Record<'_>) -> String {
    let mut out = Vec::new();
    let bytes = record.to_jcs(&mut out).expect("the record is writable").bytes().to_vec();
    assert_eq!(Canonical::check(&bytes).map(Canonical::bytes), Ok(bytes.as_slice()));
    assert_eq!(through_generic_encoder(&bytes), bytes);
    String::from_utf8(bytes).expect("a record is text")
}

fn id(text: &str) -> ExchangeId {
    ExchangeId::parse(text).expect("an id")
}

fn hex<const N: usize>(text: &str) -> [u8; N] {
    ::hex::decode(text).expect("hex").try_into().expect("as many")
}

fn base64(text: &str) -> Option<[u8; 32]> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64").try_into().ok()
}

/// The example that the format was designed with, and its leaf hash.
#[test]
fn the_example_record_comes_out_to_the_byte() {
    let expected = concat!(
        r#"{"ad":{"attempts":0,"name":"soap","ver":"1.4.2"},"cache":{"age":12,"origin":"019ab1c2-4e00-7c21-b0f7-9d2e6a1c5b88","#,
        r#""state":"hit"},"com":{"req":"svSwZezSl3IB9kzATmNeEWNX5yOdcbm2dI3QfpjbESo=","res":"H0f/YUuxO6FlTsTFZ7xd2DeBpE36XcHRVnnJ443AgCQ=","#,
        r#""subj":"zjQ76kP/qPvzHI7LgC9TGJAo6rxX8x/3QMZ7xtr1oQQ="},"dir":"inbound","ev":"exchange","id":"019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a04","#,
        r#""lat":{"auth":811,"begin":388,"policy":120,"total":2231},"modi":{"audit_bound":"ok","patterns":["AUDIT_REST_02","INTEGRITY_REST_02"]},"#,
        r#""node":"gw01","op":{"crud":2,"id":"leggiResidenza","method":"POST","route":"/anagrafe/v1/residenze"},"out":"success","#,
        r#""pdnd":{"consumer":"0e1e4c98-6f2e-4f55-90e3-45f7d3f1dbf8","descriptor":"c0a8012e-51d3-4f0e-9a5d-7f1f6f0f2a77","#,
        r#""eservice":"6b1f0a52-0c39-4d5e-8e55-2a7c0f4d9b11","jti":"8f3e3665-5d89-4600-be2f-79aeb18f702d","purpose":"1cafea11-08a0-4eaf-a3ee-3e9839c8c2a9"},"#,
        r#""pol":{"effect":"permit","id":"019ab1c2-7d40-7b3e-8a11-5f0c2d9e4b66","reasons":["anagrafe.residenza.tributi"],"#,
        r#""set":"sha256:0ac53c8f3cf1dd0fce7dde6c9585287653d66c45ce3db7f93a0c62163e3d9b73"},"req":{"len":212},"res":{"len":811,"status":200},"#,
        r#""seal":{"h":"sha256:aa0aff6bc38153385b833c7dbe6877596eb7f344090d2a0317aa8f7cdde31ff5","kid":"k7Qm","n":4312},"subj_n":1,"#,
        r#""t0":"2026-11-21T17:12:19.103456789Z","t1":"2026-11-21T17:12:19.105687790Z","trace":{"flags":"01","id":"4bf92f3577b34da6a3ce929d0e0e4736","#,
        r#""span":"00f067aa0ba902b7"},"v":1}"#
    );
    let caller = Caller {
        consumer: Some("0e1e4c98-6f2e-4f55-90e3-45f7d3f1dbf8".into()),
        descriptor: Some("c0a8012e-51d3-4f0e-9a5d-7f1f6f0f2a77".into()),
        eservice: Some("6b1f0a52-0c39-4d5e-8e55-2a7c0f4d9b11".into()),
        jti: Some("8f3e3665-5d89-4600-be2f-79aeb18f702d".into()),
        purpose: Some("1cafea11-08a0-4eaf-a3ee-3e9839c8c2a9".into()),
        ..Caller::default()
    };
    let operation = Operation { method: Some("POST"), route: Some("/anagrafe/v1/residenze"), id: Some("leggiResidenza"), crud: Some(2) };
    let operation = Fixed::operation(&operation);
    let set = Fixed::digest(&hex("0ac53c8f3cf1dd0fce7dde6c9585287653d66c45ce3db7f93a0c62163e3d9b73"));
    let t0 = Timestamp::from_nanos(1_795_281_139_103_456_789);
    let record = Record {
        id: Some(id("019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a04")),
        direction: Some(Direction::Inbound),
        t1: Some(t0.plus_nanos(2_231_001)),
        trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        operation: Some(&operation),
        request_bytes: Some(212),
        answer_bytes: Some(811),
        status: Some(200),
        caller: Some(&caller),
        modi: ModiUse { patterns: Strings::Slices(&["AUDIT_REST_02", "INTEGRITY_REST_02"]), audit_bound: Some("ok") },
        commitments: Commitments {
            request: base64("svSwZezSl3IB9kzATmNeEWNX5yOdcbm2dI3QfpjbESo="),
            answer: base64("H0f/YUuxO6FlTsTFZ7xd2DeBpE36XcHRVnnJ443AgCQ="),
            subject: base64("zjQ76kP/qPvzHI7LgC9TGJAo6rxX8x/3QMZ7xtr1oQQ="),
        },
        subjects: Some(1),
        policy: Some(PolicyUse {
            id: Some(id("019ab1c2-7d40-7b3e-8a11-5f0c2d9e4b66")),
            effect: Effect::Permit,
            reasons: Strings::Slices(&["anagrafe.residenza.tributi"]),
            set: Some(&set),
            obligations: Strings::default(),
        }),
        outcome: Some(Outcome::Success),
        latencies: Latencies { total: Some(2231), authentication: Some(811), policy: Some(120), upstream: None, begin: Some(388) },
        adapter: Some(AdapterUse { name: "soap", version: Some("1.4.2"), attempts: Some(0) }),
        cache: Some(CacheUse { state: CacheState::Hit, age: Some(12), origin: Some(id("019ab1c2-4e00-7c21-b0f7-9d2e6a1c5b88")) }),
        seal: Some(Seal { hash: hex("aa0aff6bc38153385b833c7dbe6877596eb7f344090d2a0317aa8f7cdde31ff5"), bytes: 4312, kid: "k7Qm" }),
        ..Record::new(Event::Exchange, "gw01", t0)
    };
    assert_eq!(written(&record), expected);
    assert_eq!(leaf_hash(expected.as_bytes()), hex("8a15d6460c39f5d146a9133caa2ba0690c3004a2816cf5cec3f0e4eb61b35d51"));
}

static CONFIGURATION: LazyLock<Fixed> = LazyLock::new(|| Fixed::digest(&[0xab; 32]));
static OPERATION: LazyLock<Fixed> = LazyLock::new(|| Fixed::operation(&Operation { crud: Some(4), ..Operation::default() }));

/// The rest of the fields, with values that need every kind of escape.
fn crowded() -> Record<'static> {
    Record {
        environment: Some("collaudo"),
        tenant: Some("comune-x"),
        channel: Some("sportello \"è\"\u{1}\u{8}\u{1f}\\/\u{2028}😂"),
        correlation: Some("abc-123"),
        configuration: Some(&CONFIGURATION),
        outcome: Some(Outcome::Refused),
        error: Some("contract-violated"),
        stage: Some("contract"),
        withheld: Strings::Slices(&["/lista/*/indirizzo"]),
        drift: Strings::Slices(&["/residenza/cap", "status 418"]),
        operation: Some(&OPERATION),
        latencies: Latencies { upstream: Some(u64::from(u32::MAX)), ..Latencies::default() },
        cache: Some(CacheUse { state: CacheState::Bypass, age: None, origin: None }),
        ..Record::new(Event::Exchange, "gw01", Timestamp::from_seconds(0))
    }
}

#[test]
fn every_field_is_written_in_canonical_order() {
    assert_eq!(
        written(&crowded()),
        concat!(
            r#"{"cache":{"state":"bypass"},"cfg":"sha256:abababababababababababababababababababababababababababababababab","#,
            "\"chan\":\"sportello \\\"è\\\"\\u0001\\b\\u001f\\\\/\u{2028}😂\",\"corr\":\"abc-123\",",
            r#""drift":["/residenza/cap","status 418"],"env":"collaudo","err":"contract-violated","ev":"exchange","#,
            r#""lat":{"upstream":4294967295},"minim":["/lista/*/indirizzo"],"node":"gw01","op":{"crud":4},"out":"refused","#,
            r#""stage":"contract","t0":"1970-01-01T00:00:00.000000000Z","tenant":"comune-x","v":1}"#
        )
    );
    let caller = Caller {
        client: Some("c".into()),
        producer: Some("p".into()),
        kid: Some("k".into()),
        issuer: Some("uat.interop.example".into()),
        issued_at: Some(1),
        expires_at: Some(2),
        ..Caller::default()
    };
    let record = Record { caller: Some(&caller), ..Record::new(Event::ConfigLoaded, "gw01", Timestamp::from_seconds(0)) };
    let pdnd = r#""pdnd":{"client":"c","exp":2,"iat":1,"iss":"uat.interop.example","kid":"k","producer":"p"}"#;
    assert!(written(&record).contains(pdnd), "{}", written(&record));
}

#[test]
fn nothing_known_is_written_as_nothing() {
    let record = Record { caller: Some(&Caller::default()), ..Record::new(Event::Begun, "gw01", Timestamp::from_seconds(0)) };
    assert_eq!(written(&record), r#"{"ev":"exchange.begun","node":"gw01","t0":"1970-01-01T00:00:00.000000000Z","v":1}"#);
    let shared: [std::sync::Arc<str>; 2] = ["a".into(), "b".into()];
    let owned = ["c".to_owned()];
    for (list, expected) in [(Strings::from(&shared[..]), r#""drift":["a","b"]"#), (Strings::from(&owned[..]), r#""drift":["c"]"#)] {
        let record = Record { drift: list, ..Record::new(Event::Exchange, "gw01", Timestamp::from_seconds(0)) };
        assert!(written(&record).contains(expected));
    }
}

#[test]
fn a_correlation_id_that_may_be_a_person_is_left_out() {
    let record = Record { correlation: Some("XQZWKY80A01H501T"), ..crowded() };
    assert!(!written(&record).contains("corr"));
}

#[test]
fn what_cannot_be_written_leaves_the_buffer_as_it_was() {
    let long = "x".repeat(MAX_RECORD);
    let base = || Record::new(Event::Exchange, "gw01", Timestamp::from_seconds(0));
    let too_large = Record { answer_bytes: Some(jcs::MAX_INTEGER + 1), ..base() };
    let mut out = b"before".to_vec();
    assert_eq!(too_large.to_jcs(&mut out).err(), Some(RecordError::IntegerTooLarge("len")));
    assert!(matches!(Record { error: Some(&long), ..base() }.to_jcs(&mut out), Err(RecordError::TooLong(_))));
    assert_eq!(out, b"before");
    let largest = Record { answer_bytes: Some(jcs::MAX_INTEGER), ..base() };
    assert!(written(&largest).contains("9007199254740991"));
    let written = largest.to_jcs(&mut out).expect("writable").bytes().len();
    assert_eq!(out.len(), 6 + written, "a record is appended to what was there");
}

#[test]
fn the_longest_record_is_sixteen_kibibytes() {
    let empty = written(&Record { error: Some(""), ..Record::new(Event::Exchange, "gw01", Timestamp::from_seconds(0)) }).len();
    for (extra, fits) in [(0, true), (1, false)] {
        let error = "x".repeat(MAX_RECORD - empty + extra);
        let record = Record { error: Some(&error), ..Record::new(Event::Exchange, "gw01", Timestamp::from_seconds(0)) };
        assert_eq!(record.to_jcs(&mut Vec::new()).is_ok(), fits);
    }
}

#[test]
fn the_log_s_own_records_are_canonical() {
    let at = Timestamp::from_seconds(1);
    let mut out = Vec::new();
    let closed =
        Closed { id: id("019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a04"), node: "gw01", t1: at, bytes: 7, digest: Some([1; 32]), complete: false };
    let counts = [RefusalCount { error: "voucher-missing", stage: "authenticate", count: 3 }];
    let summary = RefusalsSummary { node: "gw01", listener: "pdnd", from: at, to: at, counts: &counts };
    let suspension = Suspension { node: "gw01", error: "disk-full", from: at, to: None };
    let restored = Restored { node: "gw01", at, backup: at, origin: "ente.example/log", chain: [2; 32], seq: 17 };
    for (bytes, expected) in [
        (
            restored.to_jcs(&mut out).expect("writable").bytes().to_vec(),
            concat!(
                r#"{"ev":"log.restored","node":"gw01","restored":{"chain":"sha256:0202020202020202020202020202020202020202020202020202020202020202","#,
                r#""origin":"ente.example/log","seq":17,"t":"1970-01-01T00:00:01.000000000Z"},"t0":"1970-01-01T00:00:01.000000000Z","v":1}"#
            ),
        ),
        (
            closed.to_jcs(&mut out).expect("writable").bytes().to_vec(),
            concat!(
                r#"{"ev":"exchange.closed","id":"019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a04","node":"gw01","res":{"digest":"sha256:"#,
                r#"0101010101010101010101010101010101010101010101010101010101010101","end":"cut","len":7},"t1":"1970-01-01T00:00:01.000000000Z","v":1}"#
            ),
        ),
        (
            summary.to_jcs(&mut out).expect("writable").bytes().to_vec(),
            concat!(
                r#"{"ev":"refusals.summary","listener":"pdnd","node":"gw01","refusals":[{"err":"voucher-missing","n":3,"#,
                r#""stage":"authenticate"}],"t0":"1970-01-01T00:00:01.000000000Z","t1":"1970-01-01T00:00:01.000000000Z","v":1}"#
            ),
        ),
        (
            suspension.to_jcs(&mut out).expect("writable").bytes().to_vec(),
            r#"{"err":"disk-full","ev":"log.suspended","node":"gw01","t0":"1970-01-01T00:00:01.000000000Z","v":1}"#,
        ),
    ] {
        assert_eq!(std::str::from_utf8(&bytes), Ok(expected));
        assert_eq!(through_generic_encoder(&bytes), bytes);
    }
}

#[test]
fn an_orphan_says_what_its_begin_said_and_that_the_end_is_unknown() {
    let mut begin = Vec::new();
    let record = Record { event: Event::Begun, outcome: None, ..crowded() };
    let begin = record.to_jcs(&mut begin).expect("writable");
    let mut out = b"kept".to_vec();
    let orphan = orphaned(begin, Timestamp::from_seconds(9), &mut out).expect("canonical").bytes().to_vec();
    let mut expected = String::from_utf8(begin.bytes().to_vec()).expect("text");
    expected = expected.replace("exchange.begun", "exchange.orphaned").replace(r#""stage""#, r#""out":"unknown","stage""#);
    expected = expected.replace(r#","tenant""#, r#","t1":"1970-01-01T00:00:09.000000000Z","tenant""#);
    assert_eq!(String::from_utf8(orphan).expect("text"), expected);
}
