//! A record as a collector of security events reads it.

use std::fmt::Write as _;

use audit::LeafView;
use exchange::Timestamp;
use serde_json::Value;

use crate::config::SiemFormat;

/// `log audit` (RFC 5424 §6.2.1).
const FACILITY: u8 = 13;
/// The longest MSGID.
const LONGEST_MSGID: usize = 32;

/// A record as one message of syslog (RFC 5424), with its length before it (RFC 5425 §4.3).
pub(super) fn framed(record: &[u8], node: &str, format: SiemFormat) -> Vec<u8> {
    let leaf = LeafView::new(record);
    let event = leaf.text("ev").unwrap_or("-");
    let message_id: String = event.chars().filter(char::is_ascii_graphic).take(LONGEST_MSGID).collect();
    let priority = FACILITY * 8 + severity(leaf.text("out"));
    let mut message = format!("<{priority}>1 {} {node} varco - {message_id} - ", timestamp(leaf));
    let cef = if format == SiemFormat::Cef { serde_json::from_slice(record).ok().map(|record| cef(&record)) } else { None };
    match cef {
        Some(cef) => message.push_str(&cef),
        None => message.push_str(&String::from_utf8_lossy(record)),
    }
    let mut framed = format!("{} ", message.len()).into_bytes();
    framed.extend_from_slice(message.as_bytes());
    framed
}

/// When it ended, or else began, in the microseconds that syslog has.
fn timestamp(leaf: LeafView<'_>) -> String {
    let at = leaf.text("t1").or_else(|| leaf.text("t0")).unwrap_or_default();
    match at.get(..26) {
        Some(micros) if at.ends_with('Z') => format!("{micros}Z"),
        _ => "-".to_owned(),
    }
}

/// RFC 5424 §6.2.1, by how an exchange ended.
fn severity(outcome: Option<&str>) -> u8 {
    match outcome {
        Some("unknown") => 3,
        Some("failed") => 4,
        Some("refused") => 5,
        _ => 6,
    }
}

/// CEF, version 0, by ArcSight's dictionary of extensions: what a rule of correlation would ask for. Nothing in a record tells who a
/// citizen is.
fn cef(record: &Value) -> String {
    let text = |path: &str| record.pointer(path).and_then(Value::as_str);
    let number = |path: &str| record.pointer(path).and_then(Value::as_u64).map(|number| number.to_string());
    let event = text("/ev").unwrap_or("-");
    let outcome = text("/out");
    let name = [Some(event), outcome, text("/err")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let grade = match outcome {
        Some("unknown") => 9,
        Some("failed") => 7,
        Some("refused") => 5,
        _ => 1,
    };
    let mut cef = format!("CEF:0|Varco|varco|{}|{}|{}|{grade}|", env!("CARGO_PKG_VERSION"), header(event), header(&name));
    let labelled = [
        ("cs1", "tenant", text("/tenant")),
        ("cs2", "consumer", text("/pdnd/consumer")),
        ("cs3", "purpose", text("/pdnd/purpose")),
        ("cs4", "eservice", text("/pdnd/eservice")),
        ("cs5", "voucher", text("/pdnd/jti")),
        ("cs6", "department", text("/department")),
    ];
    let plain = [
        // Milliseconds since 1970: the one way of writing it that no time zone changes.
        ("rt", text("/t1").or(text("/t0")).and_then(Timestamp::parse).map(|at| (at.nanos() / 1_000_000).to_string())),
        ("externalId", text("/id").map(str::to_owned)),
        ("dvchost", text("/node").map(str::to_owned)),
        ("outcome", outcome.map(str::to_owned)),
        ("reason", text("/err").map(str::to_owned)),
        ("deviceDirection", text("/dir").map(|dir| u8::from(dir == "outbound").to_string())),
        ("act", text("/op/id").map(str::to_owned)),
        ("requestMethod", text("/op/method").map(str::to_owned)),
        ("in", number("/req/len")),
        ("out", number("/res/len")),
        ("cnt", number("/n")),
    ];
    let labelled = labelled.into_iter().filter_map(|(key, label, value)| Some((key, label, value?)));
    let mut pairs: Vec<String> = plain.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", extension(&value?)))).collect();
    pairs.extend(labelled.map(|(key, label, value)| format!("{key}Label={label} {key}={}", extension(value))));
    let _ = write!(cef, "{}", pairs.join(" "));
    cef
}

fn header(text: &str) -> String {
    one_line(&text.replace('\\', "\\\\").replace('|', "\\|"))
}

fn extension(text: &str) -> String {
    one_line(&text.replace('\\', "\\\\").replace('=', "\\="))
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = concat!(
        r#"{"department":"a=b","dir":"outbound","err":"voucher|refused","ev":"exchange","id":"019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a04","node":"gw01","#,
        r#""op":{"id":"leggi","method":"POST"},"out":"refused","pdnd":{"purpose":"1cafea11"},"req":{"len":212},"#,
        r#""t0":"2026-11-21T17:12:19.103456789Z","t1":"2026-11-21T17:12:20.000000001Z","tenant":"comune-x"}"#
    );

    fn unframed(record: &str, format: SiemFormat) -> String {
        let framed = String::from_utf8(framed(record.as_bytes(), "gw01", format)).expect("text");
        let (length, message) = framed.split_once(' ').expect("a length");
        assert_eq!(length, message.len().to_string());
        message.to_owned()
    }

    #[test]
    fn a_record_is_one_message() {
        let expected = format!("<109>1 2026-11-21T17:12:20.000000Z gw01 varco - exchange - {RECORD}");
        assert_eq!(unframed(RECORD, SiemFormat::Json), expected);
        let cef = concat!(
            "<109>1 2026-11-21T17:12:20.000000Z gw01 varco - exchange - ",
            r"CEF:0|Varco|varco|0.1.0|exchange|exchange refused voucher\|refused|5|rt=1795281140000 ",
            "externalId=019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a04 dvchost=gw01 outcome=refused reason=voucher|refused deviceDirection=1 act=leggi ",
            r"requestMethod=POST in=212 cs1Label=tenant cs1=comune-x cs3Label=purpose cs3=1cafea11 cs6Label=department cs6=a\=b"
        );
        assert_eq!(unframed(RECORD, SiemFormat::Cef), cef.replace(r"\\", r"\"));
    }

    #[test]
    fn how_it_ended_is_its_severity() {
        for (outcome, priority) in [("success", 110), ("abandoned", 110), ("refused", 109), ("failed", 108), ("unknown", 107)] {
            let message = unframed(&format!(r#"{{"ev":"exchange","out":"{outcome}"}}"#), SiemFormat::Json);
            assert!(message.starts_with(&format!("<{priority}>1 - gw01 varco - exchange - {{")), "{message}");
        }
    }
}
