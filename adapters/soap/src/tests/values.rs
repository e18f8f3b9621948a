//! How single values and constructs travel, both ways.

use super::support::{call, content, echoing, sent};

/// The content of the request element, without the envelope around it.
fn inside(envelope: &str) -> &str {
    let from = envelope.find("<soapenv:Body><n1:Op").map_or(0, |at| at + "<soapenv:Body><n1:Op".len());
    let to = envelope.rfind("</n1:Op>").unwrap_or(envelope.len());
    envelope.get(from..to).unwrap_or_default().trim_start_matches('>')
}

/// One table for one type: JSON that is sent, the XML that it becomes, the JSON that the XML becomes again.
fn check(content_model: &str, types: &str, mapping: &str, rows: &[(&str, &str, &str)]) {
    let adapter = echoing(content_model, types, mapping);
    for (json, xml, back) in rows {
        let request = sent(&adapter, call(&[], &[], Some(json))).unwrap_or_else(|problem| panic!("{json}: {problem}"));
        assert_eq!(inside(&request), *xml, "{json} as XML");
        let unprefixed = xml.replace("n1:", "");
        assert_eq!(content(&adapter, &unprefixed).as_deref(), Ok(*back), "{xml} as JSON");
    }
}

fn simple(name: &str, of: &str) -> String {
    format!("<xs:sequence><xs:element name=\"{name}\" type=\"{of}\" minOccurs=\"0\"/></xs:sequence>")
}

#[test]
fn numbers_keep_every_digit() {
    check(
        &simple("v", "xs:decimal"),
        "",
        "{}",
        &[
            (r#"{"v":"12345678901234567890.10"}"#, "<n1:v>12345678901234567890.10</n1:v>", r#"{"v":"12345678901234567890.10"}"#),
            (r#"{"v":12345678901234.1234560}"#, "<n1:v>12345678901234.1234560</n1:v>", r#"{"v":"12345678901234.1234560"}"#),
        ],
    );
    check(
        &simple("v", "xs:long"),
        "",
        "{}",
        &[(r#"{"v":"9007199254740993"}"#, "<n1:v>9007199254740993</n1:v>", r#"{"v":"9007199254740993"}"#)],
    );
    check(
        &simple("v", "xs:long"),
        "",
        "numbers: number",
        &[(r#"{"v":9007199254740993}"#, "<n1:v>9007199254740993</n1:v>", r#"{"v":9007199254740993}"#)],
    );
    check(&simple("v", "xs:int"), "", "{}", &[(r#"{"v":-7}"#, "<n1:v>-7</n1:v>", r#"{"v":-7}"#)]);
    check(
        &simple("v", "t:Importo"),
        r#"<xs:simpleType name="Importo"><xs:restriction base="xs:decimal"><xs:totalDigits value="12"/><xs:fractionDigits value="2"/></xs:restriction></xs:simpleType>"#,
        "{}",
        &[(r#"{"v":10.50}"#, "<n1:v>10.50</n1:v>", r#"{"v":10.50}"#)],
    );
    let adapter = echoing(&simple("v", "xs:double"), "", "{}");
    for (xml, json) in [("1.5E-3", "1.5e-3"), (" +.5 ", "0.5"), ("INF", "\"INF\""), ("NaN", "\"NaN\""), ("1.", "1")] {
        assert_eq!(content(&adapter, &format!("<v>{xml}</v>")), Ok(format!("{{\"v\":{json}}}")), "{xml}");
    }
}

#[test]
fn texts_survive_both_parsers() {
    check(
        &simple("v", "xs:string"),
        "",
        "{}",
        &[
            (r#"{"v":"a\r\nb\tc"}"#, "<n1:v>a&#13;\nb\tc</n1:v>", r#"{"v":"a\r\nb\tc"}"#),
            (r#"{"v":"\"'<&]]>"}"#, "<n1:v>\"'&lt;&amp;]]&gt;</n1:v>", r#"{"v":"\"'<&]]>"}"#),
            (r#"{"v":"D'Alò \ud83d\ude00 "}"#, "<n1:v>D'Alò 😀 </n1:v>", r#"{"v":"D'Alò 😀 "}"#),
            (r#"{"v":""}"#, "<n1:v></n1:v>", r#"{"v":""}"#),
            (r"{}", "", r"{}"),
        ],
    );
    let adapter = echoing(&simple("v", "xs:string"), "", "{}");
    for (json, pointer) in [(r#"{"v":"a\u0000"}"#, "/v"), (r#"{"v":"\u001f"}"#, "/v"), (r#"{"v":"\uffff"}"#, "/v")] {
        let problem = sent(&adapter, call(&[], &[], Some(json))).expect_err(json);
        assert!(problem.contains(&format!("\"pointer\":\"{pointer}\"")) && problem.contains("422"), "{problem}");
    }
    for (xml, json) in [
        ("<v>a<!-- admin -->b</v>", r#"{"v":"ab"}"#),
        ("<v>a<![CDATA[<b>&amp;]]>c&#x41;&lt;</v>", r#"{"v":"a<b>&amp;cA<"}"#),
        ("<v>a\r\nb\rc</v>", r#"{"v":"a\nb\nc"}"#),
        ("<v/>", r#"{"v":""}"#),
        ("<v xml:lang=\"it\">a</v>", r#"{"v":"a"}"#),
    ] {
        assert_eq!(content(&adapter, xml).as_deref(), Ok(json), "{xml}");
    }
}

#[test]
fn dates_keep_their_zone_or_the_lack_of_one() {
    check(
        &simple("v", "xs:date"),
        "",
        "{}",
        &[
            (r#"{"v":"2024-01-01+01:00"}"#, "<n1:v>2024-01-01+01:00</n1:v>", r#"{"v":"2024-01-01+01:00"}"#),
            (r#"{"v":"2024-02-29"}"#, "<n1:v>2024-02-29</n1:v>", r#"{"v":"2024-02-29"}"#),
        ],
    );
    let adapter = echoing(&simple("v", "xs:date"), "", "{}");
    let problem = sent(&adapter, call(&[], &[], Some(r#"{"v":"29/02/2024"}"#))).expect_err("an Italian date");
    assert!(problem.contains("must be a value of xs:date") && !problem.contains("29/02"), "{problem}");
    let wrong = content(&adapter, "<v>2023-02-29</v>").expect_err("no such day");
    assert!(wrong.contains("/Envelope/Body/OpResponse/v") && !wrong.contains("2023"), "{wrong}");
}

#[test]
fn booleans_lists_unions_and_bytes() {
    check(&simple("v", "xs:boolean"), "", "{}", &[(r#"{"v":true}"#, "<n1:v>true</n1:v>", r#"{"v":true}"#)]);
    let adapter = echoing(&simple("v", "xs:boolean"), "", "{}");
    assert_eq!(content(&adapter, "<v> 0 </v>").as_deref(), Ok(r#"{"v":false}"#));
    let types = r#"<xs:simpleType name="L"><xs:list itemType="xs:int"/></xs:simpleType>
        <xs:simpleType name="U"><xs:union memberTypes="xs:int xs:boolean"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="tutti"/></xs:restriction></xs:simpleType></xs:union></xs:simpleType>"#;
    check(
        &simple("v", "t:L"),
        types,
        "{}",
        &[(r#"{"v":[1,-2]}"#, "<n1:v>1 -2</n1:v>", r#"{"v":[1,-2]}"#), (r#"{"v":[]}"#, "<n1:v></n1:v>", r#"{"v":[]}"#)],
    );
    check(
        &simple("v", "t:U"),
        types,
        "{}",
        &[
            (r#"{"v":7}"#, "<n1:v>7</n1:v>", r#"{"v":7}"#),
            (r#"{"v":"tutti"}"#, "<n1:v>tutti</n1:v>", r#"{"v":"tutti"}"#),
            (r#"{"v":true}"#, "<n1:v>true</n1:v>", r#"{"v":true}"#),
        ],
    );
    check(&simple("v", "xs:base64Binary"), "", "{}", &[(r#"{"v":"YWJj"}"#, "<n1:v>YWJj</n1:v>", r#"{"v":"YWJj"}"#)]);
    let adapter = echoing(&simple("v", "xs:base64Binary"), "", "{}");
    assert_eq!(content(&adapter, "<v>\nYW\n Jj\n</v>").as_deref(), Ok(r#"{"v":"YWJj"}"#));
}

#[test]
fn order_comes_from_the_schema_and_arrays_from_max_occurs() {
    let model = r#"<xs:sequence><xs:element name="a" type="xs:string"/><xs:element name="b" type="xs:int" maxOccurs="3" minOccurs="0"/>
        <xs:element name="c" type="t:Inner" minOccurs="0" maxOccurs="unbounded"/></xs:sequence><xs:attribute name="a" type="xs:int"/>"#;
    let types =
        r#"<xs:complexType name="Inner"><xs:sequence><xs:element name="x" type="xs:string" maxOccurs="2"/></xs:sequence></xs:complexType>"#;
    check(
        model,
        types,
        "{}",
        &[
            (
                r#"{"c":[{"x":["1"]}],"b":[1],"a":"k","@a":5}"#,
                r#" a="5"><n1:a>k</n1:a><n1:b>1</n1:b><n1:c><n1:x>1</n1:x></n1:c>"#,
                r#"{"@a":5,"a":"k","b":[1],"c":[{"x":["1"]}]}"#,
            ),
            (r#"{"a":"k","b":[]}"#, "<n1:a>k</n1:a>", r#"{"a":"k","b":[],"c":[]}"#),
        ][1..],
    );
    let adapter = echoing(model, types, "{}");
    let request = sent(&adapter, call(&[], &[], Some(r#"{"c":[{"x":["1"]}],"b":[1],"a":"k","@a":5}"#))).expect("an envelope");
    assert!(request.contains(r#"<n1:Op a="5"><n1:a>k</n1:a><n1:b>1</n1:b><n1:c><n1:x>1</n1:x></n1:c></n1:Op>"#), "{request}");
    for (json, pointer, rule) in [
        (r#"{"a":"k","b":[1,2,3,4]}"#, "/b", "at most 3 items"),
        (r#"{"a":"k","b":1}"#, "/b", "an array"),
        (r#"{"a":"k","b":[1,null]}"#, "/b/1", "null"),
        (r#"{"a":"k","c":[{"x":[]}]}"#, "/c/0/x", "at least 1"),
        (r#"{"a":"k","c":[{}]}"#, "/c/0/x", "missing"),
        (r#"{"a":"k","c":[{"x":["1"],"y/z":1}]}"#, "/c/0/y~1z", "no member"),
        (r#"{"b":[1]}"#, "/a", "missing"),
        (r#"{"a":null}"#, "/a", "null"),
        (r#"{"a":"k","@a":"x"}"#, "/@a", "xs:int"),
        ("[]", "", "an object"),
    ] {
        let problem = sent(&adapter, call(&[], &[], Some(json))).expect_err(json);
        assert!(problem.contains(&format!("\"pointer\":\"{pointer}\"")) && problem.contains(rule), "{json}: {problem}");
    }
    for (xml, place) in [
        ("<b>1</b><a>k</a>", "OpResponse/b"),
        ("<a>k</a><a>k</a>", "OpResponse/a"),
        ("", "OpResponse/a"),
        ("<a>k</a><b>1</b><b>1</b><b>1</b><b>1</b>", "OpResponse/b"),
        ("<a>k</a><c><x>1</x></c><c><q/></c>", "OpResponse/c[2]/q"),
        ("<a>k</a><z/>", "OpResponse/z"),
        ("<a xmlns=\"\">k</a>", "OpResponse/a"),
        ("<a k='1'>k</a>", "OpResponse/a"),
        ("<a>k</a>stray", "OpResponse"),
    ] {
        let wrong = content(&adapter, xml).expect_err(xml);
        assert!(wrong.ends_with(&format!("/Envelope/Body/{place}")), "{xml}: {wrong}");
    }
}

#[test]
fn nil_absent_and_empty_are_three_things() {
    let model = r#"<xs:sequence><xs:element name="s" type="xs:string" nillable="true" minOccurs="0"/><xs:element name="n" type="xs:int" minOccurs="0"/>
        <xs:element name="l" type="xs:string" nillable="true" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>"#;
    check(
        model,
        "",
        "{}",
        &[
            (r#"{"s":null}"#, r#"<n1:s xsi:nil="true"/>"#, r#"{"s":null,"l":[]}"#),
            (r#"{"s":""}"#, "<n1:s></n1:s>", r#"{"s":"","l":[]}"#),
            (r#"{"n":null}"#, "", r#"{"l":[]}"#),
            (r#"{"l":[null,"a"]}"#, r#"<n1:l xsi:nil="true"/><n1:l>a</n1:l>"#, r#"{"l":[null,"a"]}"#),
        ],
    );
    let strict = echoing(model, "", "{}");
    assert!(content(&strict, "<n/>").is_err(), "an empty number is no number");
    assert!(content(&strict, "<n xsi:nil='true'/>").is_err(), "not nillable");
    assert!(content(&strict, "<s xsi:nil='1'>x</s>").is_err(), "nil with content");
    let lenient = echoing(model, "", "empty_as_absent: [number, date]");
    assert_eq!(content(&lenient, "<n> </n>").as_deref(), Ok(r#"{"l":[]}"#));
}

#[test]
fn choices_take_exactly_one_branch() {
    let model = r#"<xs:choice><xs:element name="cf" type="xs:string"/><xs:sequence><xs:element name="nome" type="xs:string"/>
        <xs:element name="data" type="xs:date" minOccurs="0"/><xs:element name="altri" type="xs:string" minOccurs="0" maxOccurs="9"/></xs:sequence></xs:choice>"#;
    check(
        model,
        "",
        "{}",
        &[
            (r#"{"cf":"X"}"#, "<n1:cf>X</n1:cf>", r#"{"cf":"X"}"#),
            (
                r#"{"data":"2024-01-01","nome":"A","cf":null}"#,
                "<n1:nome>A</n1:nome><n1:data>2024-01-01</n1:data>",
                r#"{"nome":"A","data":"2024-01-01"}"#,
            ),
        ],
    );
    let adapter = echoing(model, "", "{}");
    for (json, text) in
        [(r#"{"cf":"X","nome":"A"}"#, "exactly one of"), ("{}", "exactly one of"), (r#"{"data":"2024-01-01"}"#, "`/nome` is missing")]
    {
        let problem = sent(&adapter, call(&[], &[], Some(json))).expect_err(json);
        assert!(problem.contains(text), "{json}: {problem}");
    }
    assert!(content(&adapter, "<cf>X</cf><nome>A</nome>").is_err());
    assert!(content(&adapter, "").is_err());
}

#[test]
fn all_takes_any_order() {
    let model = r#"<xs:all><xs:element name="a" type="xs:string"/><xs:element name="b" type="xs:string" minOccurs="0"/></xs:all>"#;
    check(model, "", "{}", &[(r#"{"b":"2","a":"1"}"#, "<n1:a>1</n1:a><n1:b>2</n1:b>", r#"{"a":"1","b":"2"}"#)]);
    let adapter = echoing(model, "", "{}");
    assert_eq!(content(&adapter, "<b>2</b><a>1</a>").as_deref(), Ok(r#"{"b":"2","a":"1"}"#));
    assert!(content(&adapter, "<b>2</b>").is_err());
    assert!(content(&adapter, "<a>1</a><a>1</a>").is_err());
}

#[test]
fn text_with_attributes_extensions_groups_defaults() {
    let model = r#"<xs:complexContent><xs:extension base="t:Base"><xs:group ref="t:G"/><xs:attributeGroup ref="t:AG"/></xs:extension></xs:complexContent>"#;
    let types = r#"<xs:complexType name="Base"><xs:sequence><xs:element name="prezzo" type="t:Prezzo" minOccurs="0"/></xs:sequence></xs:complexType>
        <xs:complexType name="Prezzo"><xs:simpleContent><xs:extension base="xs:decimal"><xs:attribute name="valuta" use="required"/></xs:extension></xs:simpleContent></xs:complexType>
        <xs:group name="G"><xs:sequence><xs:element name="v" type="xs:int" default="5" minOccurs="0"/><xs:element name="f" type="xs:string" fixed="k"/></xs:sequence></xs:group>
        <xs:attributeGroup name="AG"><xs:attribute name="versione" type="xs:int" default="1"/></xs:attributeGroup>"#;
    let adapter = echoing(model, types, "{}");
    let request = sent(&adapter, call(&[], &[], Some(r#"{"prezzo":{"valuta":"EUR","value":"10.00"},"versione":2}"#))).expect("an envelope");
    assert!(request.contains(r#"<n1:Op versione="2"><n1:prezzo valuta="EUR">10.00</n1:prezzo><n1:f>k</n1:f></n1:Op>"#), "{request}");
    assert_eq!(
        content(&adapter, r#"<prezzo valuta="EUR">10.00</prezzo><v/><f/>"#).as_deref(),
        Ok(r#"{"versione":1,"prezzo":{"valuta":"EUR","value":"10.00"},"v":5,"f":"k"}"#)
    );
    assert!(content(&adapter, "<prezzo>1</prezzo><f>k</f>").is_err(), "valuta is required");
    assert!(content(&adapter, "<f>other</f>").is_err(), "f is fixed");
}

#[test]
fn unqualified_and_qualified_names() {
    let model = r#"<xs:sequence><xs:element name="a" type="xs:string" form="unqualified"/><xs:element ref="t:g"/></xs:sequence><xs:attribute name="k" form="qualified"/>"#;
    let adapter = echoing(model, r#"<xs:element name="g" type="xs:string"/>"#, "{}");
    let request = sent(&adapter, call(&[], &[], Some(r#"{"g":"2","a":"1","k":"3"}"#))).expect("an envelope");
    assert!(request.contains(r#"<n1:Op n1:k="3"><a>1</a><n1:g>2</n1:g></n1:Op>"#), "{request}");
    let json = content(&adapter, r#"<a xmlns="">1</a><t:g xmlns:t="urn:t">2</t:g>"#);
    assert_eq!(json.as_deref(), Ok(r#"{"a":"1","g":"2"}"#));
}

#[test]
fn recursive_types_end_at_a_depth() {
    let model = r#"<xs:sequence><xs:element name="figlio" type="t:Content" minOccurs="0"/></xs:sequence>"#;
    let adapter = echoing(model, "", "{}");
    let nested = |levels: usize| format!("{}{{}}{}", r#"{"figlio":"#.repeat(levels), "}".repeat(levels));
    assert!(sent(&adapter, call(&[], &[], Some(&nested(50)))).is_ok());
    assert!(sent(&adapter, call(&[], &[], Some(&nested(61)))).expect_err("too deep").contains("nested too deeply"));
    let xml = |levels: usize| format!("{}{}", "<figlio>".repeat(levels), "</figlio>".repeat(levels));
    assert_eq!(content(&adapter, &xml(2)).as_deref(), Ok(r#"{"figlio":{"figlio":{}}}"#));
    assert!(content(&adapter, &xml(61)).is_ok(), "64 levels with the envelope");
    assert!(content(&adapter, &xml(62)).expect_err("65 levels").contains("depth"));
}

#[test]
fn facets_are_kept_both_ways() {
    let types = r#"<xs:simpleType name="Cf"><xs:restriction base="xs:string"><xs:pattern value="[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]"/></xs:restriction></xs:simpleType>
        <xs:simpleType name="Eta"><xs:restriction base="xs:int"><xs:minInclusive value="0"/><xs:maxExclusive value="150"/></xs:restriction></xs:simpleType>
        <xs:simpleType name="Sesso"><xs:restriction base="xs:token"><xs:enumeration value="M"/><xs:enumeration value="F"/></xs:restriction></xs:simpleType>
        <xs:simpleType name="Nome"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="3"/></xs:restriction></xs:simpleType>"#;
    let model = r#"<xs:sequence><xs:element name="cf" type="t:Cf" minOccurs="0"/><xs:element name="eta" type="t:Eta" minOccurs="0"/>
        <xs:element name="sesso" type="t:Sesso" minOccurs="0"/><xs:element name="nome" type="t:Nome" minOccurs="0"/></xs:sequence>"#;
    check(
        model,
        types,
        "{}",
        &[(
            r#"{"cf":"RSSMRA80A01H501U","eta":149,"sesso":"F","nome":"èèè"}"#,
            "<n1:cf>RSSMRA80A01H501U</n1:cf><n1:eta>149</n1:eta><n1:sesso>F</n1:sesso><n1:nome>èèè</n1:nome>",
            r#"{"cf":"RSSMRA80A01H501U","eta":149,"sesso":"F","nome":"èèè"}"#,
        )],
    );
    let adapter = echoing(model, types, "{}");
    for (json, xml, rule) in [
        (r#"{"cf":"RSSMRA80A01H501"}"#, "<cf>RSSMRA80A01H501</cf>", "pattern"),
        (r#"{"eta":150}"#, "<eta>150</eta>", "greater"),
        (r#"{"eta":-1}"#, "<eta>-1</eta>", "less"),
        (r#"{"sesso":"X"}"#, "<sesso>X</sesso>", "lists"),
        (r#"{"nome":""}"#, "<nome></nome>", "at least 1"),
        (r#"{"nome":"abcd"}"#, "<nome>abcd</nome>", "at most 3"),
    ] {
        let problem = sent(&adapter, call(&[], &[], Some(json))).expect_err(json);
        assert!(problem.contains(rule) && problem.contains("mapping-value"), "{json}: {problem}");
        let wrong = content(&adapter, xml).expect_err(xml);
        assert!(wrong.contains(rule), "{xml}: {wrong}");
    }
}

#[test]
fn one_member_alone_is_answered() {
    let model = r#"<xs:sequence><xs:element name="a" type="xs:string" minOccurs="0"/><xs:element name="l" type="t:C" minOccurs="0" maxOccurs="9"/>
        <xs:element name="z" type="xs:int" minOccurs="0" maxOccurs="9"/></xs:sequence>"#;
    let types = r#"<xs:complexType name="C"><xs:sequence><xs:element name="l" type="xs:int" minOccurs="0" maxOccurs="9"/></xs:sequence></xs:complexType>"#;
    for (wanted, xml, json) in [
        ("l", "<a>x</a><l><l>1</l></l><l/><z>1</z>", r#"[{"l":[1]},{"l":[]}]"#),
        ("l", "<l><l>1</l></l>", r#"[{"l":[1]}]"#),
        ("l", "<a>x</a><z>1</z>", "[]"),
        ("z", "<l><l>1</l></l><z>1</z><z>2</z>", "[1,2]"),
        ("a", "<a>x</a>", "\"x\""),
        ("a", "<a>x</a><z>1</z>", "\"x\""),
        ("a", "<z>1</z>", "null"),
    ] {
        let adapter = echoing(model, types, &format!("operations: {{ op: {{ response: {wanted} }} }}"));
        assert_eq!(content(&adapter, xml).as_deref(), Ok(json), "{wanted} of {xml}");
    }
}

#[test]
fn a_named_type_may_say_its_name() {
    let model = r#"<xs:sequence><xs:element name="v" type="t:C" minOccurs="0"/><xs:element name="s" type="xs:string" minOccurs="0"/></xs:sequence>"#;
    let types = r#"<xs:complexType name="C"><xs:sequence/></xs:complexType><xs:complexType name="D"><xs:complexContent><xs:extension base="t:C"/></xs:complexContent></xs:complexType>"#;
    let adapter = echoing(model, types, "{}");
    assert_eq!(content(&adapter, r#"<v xmlns:t="urn:t" xsi:type="t:C"/>"#).as_deref(), Ok(r#"{"v":{}}"#));
    assert_eq!(
        content(&adapter, r#"<s xmlns:x="http://www.w3.org/2001/XMLSchema" xsi:type="x:string">a</s>"#).as_deref(),
        Ok(r#"{"s":"a"}"#)
    );
    for xml in [r#"<v xmlns:t="urn:t" xsi:type="t:D"/>"#, r#"<v xsi:type="t:C"/>"#, r#"<v xsi:type="C" xmlns=""/>"#] {
        assert!(content(&adapter, xml).is_err(), "{xml}");
    }
}
