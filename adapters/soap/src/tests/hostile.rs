//! Messages that an upstream should not send, or sends to harm.

use proptest::prelude::*;

use super::support::{answered, content, echoing, read, upstream};
use xml::{XmlError, XmlLimits};

use crate::{ReadError, SoapAdapter, SoapVersion, read_envelope};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

fn adapter() -> SoapAdapter {
    echoing(r#"<xs:sequence><xs:element name="v" type="xs:string" minOccurs="0"/></xs:sequence>"#, "", "{}")
}

fn envelope(inside: &str) -> Result<crate::Envelope, ReadError> {
    read_envelope(format!("<e:Envelope xmlns:e='{SOAP}'>{inside}</e:Envelope>").as_bytes(), None, XmlLimits::default())
}

#[test]
fn refuses_what_is_no_envelope() {
    let bomb = "<!DOCTYPE a [<!ENTITY x 'lol'>]>";
    for (text, error) in [
        (String::new(), ReadError::Xml(XmlError::Malformed)),
        ("not XML".into(), ReadError::Xml(XmlError::Malformed)),
        (format!("\u{feff}\u{feff}<e:Envelope xmlns:e='{SOAP}'><e:Body/></e:Envelope>"), ReadError::Xml(XmlError::Malformed)),
        ("<html><body>502</body></html>".into(), ReadError::NoEnvelope),
        ("<!DOCTYPE html><html/>".into(), ReadError::Xml(XmlError::DocType)),
        (format!("{bomb}<e:Envelope xmlns:e='{SOAP}'/>"), ReadError::Xml(XmlError::DocType)),
        (format!("<?xml-stylesheet href='x'?><e:Envelope xmlns:e='{SOAP}'/>"), ReadError::Xml(XmlError::Instruction)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><?php x?><e:Body/></e:Envelope>"), ReadError::Xml(XmlError::Instruction)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body>&xxe;</e:Body></e:Envelope>"), ReadError::Xml(XmlError::Entity)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body>&#0;</e:Body></e:Envelope>"), ReadError::Xml(XmlError::Character)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body><p:a/></e:Body></e:Envelope>"), ReadError::Xml(XmlError::Prefix)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body><a b:c='1'/></e:Body></e:Envelope>"), ReadError::Xml(XmlError::Prefix)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body><a b='1' b='2'/></e:Body></e:Envelope>"), ReadError::Xml(XmlError::Malformed)),
        (
            format!("<e:Envelope xmlns:e='{SOAP}'><e:Body><a xmlns:q='urn:q' q:b='1' q:b='2'/></e:Body></e:Envelope>"),
            ReadError::Xml(XmlError::Malformed),
        ),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body></e:Envelope></e:Body>"), ReadError::Xml(XmlError::Malformed)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body/></e:Envelope><more/>"), ReadError::Xml(XmlError::Malformed)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body/>"), ReadError::Xml(XmlError::Malformed)),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body/></e:Envelope>tail"), ReadError::Xml(XmlError::Malformed)),
        (format!("<e:Envelope xmlns:e='{SOAP}'/>"), ReadError::Structure("the envelope has no body where one belongs")),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body/><e:Body/></e:Envelope>"), ReadError::Structure("an element follows the body")),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body/><e:Header/></e:Envelope>"), ReadError::Structure("an element follows the body")),
        ("<e:Envelope xmlns:e='urn:other'><e:Body/></e:Envelope>".into(), ReadError::NoEnvelope),
    ] {
        assert_eq!(read_envelope(text.as_bytes(), None, XmlLimits::default()), Err(error), "{text}");
    }
}

/// quick-xml finds the end of an XML declaration and looks at nothing in it.
#[test]
fn an_xml_declaration_declares_and_nothing_else() {
    let read = |declaration: &str| {
        let text = format!("{declaration}<e:Envelope xmlns:e='{SOAP}'><e:Body/></e:Envelope>");
        read_envelope(text.as_bytes(), None, XmlLimits::default()).map(drop)
    };
    for good in [
        "<?xml version='1.0'?>",
        "<?xml version=\"1.1\" encoding = \"utf-8\" ?>\n",
        "<?xml version='1.0' standalone='yes'?>",
        "<?xml version='1.0' encoding='UTF-8' standalone='no'?>",
    ] {
        assert_eq!(read(good), Ok(()), "{good}");
    }
    for bad in [
        "<?xml?>",
        "<?xml ?>",
        "<?xml encoding='UTF-8'?>",
        "<?xml version='1.0' version='1.0'?>",
        "<?xml version='1.0' standalone='yes' encoding='UTF-8'?>",
        "<?xml version='1.0' </a><&x;>?>",
        "<?xml version='1 0'?>",
        "<?xml version='1.0' lang='it'?>",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

/// A name may find its way into the log as the place of a fault.
#[test]
fn names_are_names() {
    for name in ["a", "_a", "a-1.b", "è", "e:a", "e:_"] {
        assert!(envelope(&format!("<e:Body><{name}/><a {name}=''/></e:Body>")).is_ok(), "{name}");
    }
    for name in ["1", "-a", ".a", "e:", ":a", "e:a:b", "e:1", "a\u{1d}", "a,b", "a'b", "a$", "a&b", "a<b"] {
        assert_eq!(envelope(&format!("<e:Body><{name}/></e:Body>")), Err(ReadError::Xml(XmlError::Malformed)), "element {name}");
        assert_eq!(envelope(&format!("<e:Body><a {name}=''/></e:Body>")), Err(ReadError::Xml(XmlError::Malformed)), "attribute {name}");
    }
    assert_eq!(envelope("<e:Body><a xmlns:1='urn:x'/></e:Body>"), Err(ReadError::Xml(XmlError::Malformed)));
}

#[test]
fn keeps_its_limits() {
    let nested = |levels: usize| format!("<e:Body>{}{}</e:Body>", "<a>".repeat(levels), "</a>".repeat(levels));
    assert!(envelope(&nested(62)).is_ok());
    assert_eq!(envelope(&nested(63)), Err(ReadError::Xml(XmlError::Limit("depth"))), "65 levels");
    let attributes = |count: usize| format!("<e:Body><a {}/></e:Body>", (0..count).map(|n| format!("a{n}='' ")).collect::<String>());
    assert!(envelope(&attributes(64)).is_ok());
    assert_eq!(envelope(&attributes(65)), Err(ReadError::Xml(XmlError::Limit("the number of attributes"))));
    let wide = |children: usize| format!("<a>{}</a>", "<b/>".repeat(children));
    assert!(envelope(&format!("<e:Body>{}</e:Body>", wide(10_000).repeat(9))).is_ok());
    assert_eq!(
        envelope(&format!("<e:Body>{}</e:Body>", wide(10_001))),
        Err(ReadError::Xml(XmlError::Limit("the number of elements in one")))
    );
    assert_eq!(
        envelope(&format!("<e:Body>{}</e:Body>", wide(10_000).repeat(10))),
        Err(ReadError::Xml(XmlError::Limit("the number of elements")))
    );
    let declared =
        |count: usize| format!("<e:Body>{}</e:Body>", (0..count).map(|n| format!("<a xmlns:p{n}='urn:{n}'/>")).collect::<String>());
    assert!(envelope(&declared(900)).is_ok());
    assert_eq!(envelope(&declared(1001)), Err(ReadError::Xml(XmlError::Limit("the number of namespaces"))));
    let scopes = format!(
        "<e:Body>{}</e:Body>",
        (0..5)
            .map(|level| format!("<a {}>", (0..60).map(|n| format!("xmlns:p{level}x{n}='urn:{n}' ")).collect::<String>()))
            .collect::<String>()
    );
    assert_eq!(envelope(&scopes), Err(ReadError::Xml(XmlError::Limit("the number of namespaces"))));
    assert_eq!(
        envelope(&format!("<e:Body><a b='{}'/></e:Body>", "x".repeat(70_000))),
        Err(ReadError::Xml(XmlError::Limit("the length of an attribute")))
    );
    assert_eq!(
        envelope(&format!("<e:Body><{}/></e:Body>", "x".repeat(2_000))),
        Err(ReadError::Xml(XmlError::Limit("the length of a name")))
    );
}

#[test]
fn the_envelope_decides_and_not_the_status() {
    let adapter = adapter();
    let good = answered("<v>x</v>");
    for status in [200, 500] {
        assert_eq!(read(&adapter, upstream(status, "text/xml", &good)).as_deref(), Ok(r#"{"v":"x"}"#));
    }
    for (status, media, body, expected) in [
        (502, "text/html", &b"<html>Bad gateway</html>"[..], "HTML with status 502"),
        (200, "text/html; charset=utf-8", b"<html/>", "HTML"),
        (404, "text/plain", b"not found", "not well-formed XML; its status is 404"),
        (401, "", b"", "status 401"),
        (200, "text/xml", b"", "empty answer"),
        (200, "multipart/related; type=\"application/xop+xml\"", b"--x", "attachments"),
        (503, "text/html", b"<html/>", "\"status\":503"),
        (429, "text/plain", b"slow down", "\"status\":503"),
        (200, "text/xml; charset=utf-7", b"<a/>", "encoding"),
    ] {
        let wrong = read(&adapter, upstream(status, media, body)).expect_err(expected);
        assert!(wrong.contains(expected), "{wrong}");
    }
}

#[test]
fn answers_of_the_wrong_shape() {
    let adapter = adapter();
    let soap12 = "http://www.w3.org/2003/05/soap-envelope";
    for (text, expected) in [
        (format!("<e:Envelope xmlns:e='{soap12}'><e:Body><OpResponse xmlns='urn:t'/></e:Body></e:Envelope>"), "another SOAP version"),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body/></e:Envelope>"), "the body is empty"),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body><Other/></e:Body></e:Envelope>"), "another element"),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body><OpResponse/></e:Body></e:Envelope>"), "another element"),
        (format!("<e:Envelope xmlns:e='{SOAP}'><e:Body><OpResponse xmlns='urn:t'/><x/></e:Body></e:Envelope>"), "a second element"),
        (
            format!(
                "<e:Envelope xmlns:e='{SOAP}'><e:Header><s xmlns='urn:s' e:mustUnderstand='1'/></e:Header><e:Body><OpResponse xmlns='urn:t'/></e:Body></e:Envelope>"
            ),
            "must be understood",
        ),
    ] {
        let wrong = read(&adapter, upstream(200, "text/xml", text.as_bytes())).expect_err(&text);
        assert!(wrong.contains(expected), "{wrong}");
    }
    let header = format!(
        "<e:Envelope xmlns:e='{SOAP}'><e:Header><s xmlns='urn:s'><deep/></s></e:Header><e:Body><OpResponse xmlns='urn:t'/></e:Body></e:Envelope>"
    );
    assert_eq!(read(&adapter, upstream(200, "text/xml", header.as_bytes())).as_deref(), Ok("{}"));
    assert!(content(&adapter, "<v xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true'/>").is_err());
}

#[test]
fn legacy_encodings_and_a_byte_order_mark() {
    let adapter = adapter();
    let text = String::from_utf8(answered("<v>perché €</v>")).expect("UTF-8");
    let mark: Vec<u8> = [0xef, 0xbb, 0xbf].into_iter().chain(text.bytes()).collect();
    let wide: Vec<u8> = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    let latin: Vec<u8> =
        format!("<?xml version='1.0' encoding='ISO-8859-1'?>{}", text.replace(" €", "")).chars().map(|letter| letter as u8).collect();
    for (bytes, expected) in [(mark, r#"{"v":"perché €"}"#), (wide, r#"{"v":"perché €"}"#), (latin, r#"{"v":"perché"}"#)] {
        assert_eq!(read(&adapter, upstream(200, "text/xml", &bytes)).as_deref(), Ok(expected));
    }
}

#[test]
fn envelopes_seen_from_outside() {
    let found = envelope("<e:Header><h/></e:Header><e:Body><e:Fault><faultcode>e:Client</faultcode></e:Fault></e:Body>");
    assert_eq!(found.map(|found| (found.version, found.fault, found.body)), Ok((SoapVersion::V11, true, Some("Fault".into()))));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        _ = read_envelope(&bytes, None, XmlLimits::default());
    }

    #[test]
    fn mangled_answers_never_panic(at in 0usize..400, with in "[<>/&;:='\"a-z!?\\-\\[\\] ]{0,6}", cut in 0usize..8) {
        let adapter = adapter();
        let mut text = String::from_utf8(answered("<v a='1'>x<!-- c --><![CDATA[y]]>&#65;</v>")).unwrap_or_default();
        let at = at.min(text.len());
        let to = (at + cut).min(text.len());
        text.replace_range(at..to, &with);
        if let Ok(json) = read(&adapter, upstream(200, "text/xml", text.as_bytes())) {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{}", json);
        }
    }
}
