//! What a check of a configuration says: the construct, the place, the operations and a hint.

use super::support::{Project, echo, spec, wsdl};

fn check(content: &str, types: &str, expected: &str) {
    let project = Project::new(&[("a.wsdl", &echo(content, types))]);
    let (adapter, faults) = project.load("wsdl: a.wsdl", &[spec("op", &[], &[])]);
    assert!(adapter.is_none(), "{expected} is refused");
    let first = faults.first().map(String::as_str).unwrap_or_default();
    assert!(first.contains(expected) && first.contains("(operation `Op`)"), "{expected}: {first}");
    let place = first.strip_prefix("a.wsdl:").and_then(|rest| rest.split(": ").next()).unwrap_or_default();
    assert!(place.split(':').all(|part| part.parse::<u32>().is_ok_and(|part| part > 0)), "{first}");
}

#[test]
fn constructs_that_are_not_mapped_are_named() {
    let element = r#"<xs:sequence><xs:element name="v" type="t:T"/></xs:sequence>"#;
    for (content, types, expected) in [
        (r"<xs:sequence><xs:any/></xs:sequence>", "", "`xs:any`"),
        (
            r#"<xs:sequence maxOccurs="2"><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:sequence>"#,
            "",
            "a repeated `xs:sequence`",
        ),
        (
            r#"<xs:choice maxOccurs="unbounded"><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:choice>"#,
            "",
            "a repeated `xs:choice`",
        ),
        (r#"<xs:sequence><xs:element name="a"/></xs:sequence>"#, "", "has no type (`xs:anyType`)"),
        (r#"<xs:sequence><xs:element name="a" type="xs:anyType"/></xs:sequence>"#, "", "`xs:anyType`"),
        (r#"<xs:sequence><xs:element name="a" type="xs:QName"/></xs:sequence>"#, "", "`xs:QName`"),
        (
            r#"<xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/><xs:element name="a" type="xs:int"/></xs:sequence>"#,
            "",
            "`a` at two places of one sequence",
        ),
        (r#"<xs:sequence><xs:element name="a" type="t:None"/></xs:sequence>"#, "", "the type `{urn:t}None` is not defined"),
        (r#"<xs:sequence><xs:element name="a" type="zz:None"/></xs:sequence>"#, "", "the prefix `zz` is not declared"),
        (
            r#"<xs:sequence><xs:element ref="t:head"/></xs:sequence>"#,
            r#"<xs:element name="head" type="xs:string"/><xs:element name="other" substitutionGroup="t:head" type="xs:string"/>"#,
            "substitution group",
        ),
        (
            r#"<xs:sequence><xs:element ref="t:head"/></xs:sequence>"#,
            r#"<xs:element name="head" type="xs:string" abstract="true"/>"#,
            "abstract element",
        ),
        (element, r#"<xs:complexType name="T" abstract="true"/>"#, "abstract type"),
        (element, r#"<xs:complexType name="T" mixed="true"/>"#, "mixed content"),
        (
            element,
            r#"<xs:simpleType name="T"><xs:restriction base="xs:string"><xs:pattern value="\p{IsTibetan}"/></xs:restriction></xs:simpleType>"#,
            "this pattern",
        ),
        (
            element,
            r#"<xs:simpleType name="T"><xs:restriction base="xs:date"><xs:minInclusive value="2024-01-01"/></xs:restriction></xs:simpleType>"#,
            "a range on `xs:date`",
        ),
        (element, r#"<xs:simpleType name="T"><xs:restriction base="t:T"/></xs:simpleType>"#, "defined by itself"),
        (
            element,
            r#"<xs:complexType name="T"><xs:complexContent><xs:extension base="t:T"/></xs:complexContent></xs:complexType>"#,
            "derived from itself",
        ),
        (
            r#"<xs:sequence><xs:group ref="t:G"/></xs:sequence>"#,
            r#"<xs:group name="G"><xs:sequence><xs:group ref="t:G"/></xs:sequence></xs:group>"#,
            "this group holds itself",
        ),
        (r#"<xs:sequence><xs:element name="a" type="xs:int" minOccurs="3" maxOccurs="2"/></xs:sequence>"#, "", "`minOccurs` is greater"),
        (
            r#"<xs:choice><xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:sequence><xs:element name="a" type="xs:int"/></xs:choice>"#,
            "",
            "unique particle attribution",
        ),
    ] {
        check(content, types, expected);
    }
}

#[test]
fn what_is_wrong_outside_the_exposed_operations_is_no_obstacle() {
    let text = echo(
        r#"<xs:sequence><xs:element name="v" type="xs:int"/></xs:sequence>"#,
        r#"<xs:complexType name="Bad"><xs:sequence><xs:any/><xs:element name="x" type="t:None"/></xs:sequence></xs:complexType>"#,
    );
    let project = Project::new(&[("a.wsdl", &text)]);
    assert_eq!(project.load("wsdl: a.wsdl", &[spec("op", &[], &[])]).1, Vec::<String>::new());
}

#[test]
fn bindings_that_are_not_mapped_are_named() {
    let good = wsdl(r#"<xs:element name="Op" type="xs:string"/><xs:element name="OpResponse" type="xs:string"/>"#);
    for (from, to, expected) in [
        ("transport=", "style=\"rpc\" transport=", "the style `rpc`"),
        ("use=\"literal\"", "use=\"encoded\"", "SOAP-encoded"),
        ("element=\"t:Op\"", "type=\"t:Op\"", "a part given by `type`"),
        ("<message name=\"in\">", "<message name=\"in\"><part name=\"two\" element=\"t:Op\"/>", "a second part"),
        ("<input message=\"t:in\"/>", "", "a notification"),
        ("message=\"t:in\"", "message=\"t:none\"", "the message `{urn:t}none` is not defined"),
        ("element=\"t:Op\"", "element=\"t:None\"", "the element `{urn:t}None` is not defined"),
        ("<input><soap:body", "<input><soap:header message=\"t:in\" part=\"zz\" use=\"literal\"/><soap:body", "no part `zz`"),
        ("type=\"t:P\"", "type=\"t:Q\"", "the port type `{urn:t}Q` is not defined"),
        ("soap:binding transport", "soap:nothing transport", "no port or binding here speaks SOAP"),
        ("<definitions", "<description", "a WSDL begins with `definitions`"),
    ] {
        let text = good.replace(from, to).replace("</definitions", if to == "<description" { "</description" } else { "</definitions" });
        let project = Project::new(&[("a.wsdl", &text)]);
        let (adapter, faults) = project.load("wsdl: a.wsdl", &[spec("op", &[], &[])]);
        assert!(adapter.is_none() && faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
    }
}

#[test]
fn every_fault_of_a_mapping_is_told_at_once() {
    let model = r#"<xs:sequence><xs:element name="cf" type="xs:string"/><xs:element name="data" type="xs:date" minOccurs="0"/>
        <xs:element name="inner" minOccurs="0"><xs:complexType><xs:sequence><xs:element name="l" type="xs:string" maxOccurs="3"/></xs:sequence></xs:complexType></xs:element></xs:sequence>"#;
    let mapping = "operations:
  op:
    request:
      path.cf: cf
      query.nothing: cf
      query.data: dat
      path.other: inner
      body:/x/*/y: data
      head.z: cf
    response: nobody
    faults: { NoSuch: { status: 200 } }
    soap_headers: { '{urn:t}h': { value: x } }
    error_when: { path: no.where, equals: KO, status: 422 }
  missing: { soap: Op }
number: string
";
    let project = Project::new(&[("a.wsdl", &echo(model, "")), ("m.yaml", mapping)]);
    let (adapter, faults) = project.load("{ wsdl: a.wsdl, mapping: m.yaml, timeout: 3 }", &[spec("op", &["cf", "other"], &["data"])]);
    assert!(adapter.is_none());
    let text = faults.join("\n");
    for expected in [
        "varco.yaml:1:34: error: `soap` has no key `timeout`",
        "m.yaml:5:7: error: the contract's operation has no such parameter `nothing`",
        "m.yaml:6:7: error: `Op` has no `dat`",
        "m.yaml:7:7: error: a parameter holds a text",
        "m.yaml:8:7: error: a pointer here names one value",
        "m.yaml:9:7: error: `head.z` names no source",
        "m.yaml:10:15: error: `OpResponse` holds no element `nobody`",
        "it holds `cf`, `data`, `inner`",
        "a problem's status lies between 400 and 599",
        "m.yaml:12:21: error: the operation has no header `{urn:t}h`",
        "m.yaml:13:25: error: the answer has no member `no.where`",
        "m.yaml:14:3: error: the contract has no operation `missing`",
        "m.yaml:15:1: error: `mapping` has no key `number`\n    hint: did you mean `numbers`?",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}

#[test]
fn imports_come_from_files_beside_or_from_the_catalog() {
    let schema = |location: &str| {
        wsdl(&format!(
            r#"<xs:import namespace="urn:x" {location}/><xs:include schemaLocation="chameleon.xsd"/><xs:element name="Op" type="x:T" xmlns:x="urn:x"/><xs:element name="OpResponse" type="t:C"/>"#
        ))
    };
    let imported = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x"><xs:complexType name="T"><xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence></xs:complexType></xs:schema>"#;
    let chameleon = r#"<!DOCTYPE schema SYSTEM "http://nowhere.example/x.dtd"><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:complexType name="C"><xs:sequence><xs:element name="b" type="D"/></xs:sequence></xs:complexType><xs:simpleType name="D"><xs:restriction base="xs:string"/></xs:simpleType></xs:schema>"#;
    for (location, catalog, good) in [
        ("schemaLocation=\"x.xsd\"", "", true),
        ("schemaLocation=\"http://dead.example/x.xsd\"", "catalog: { 'http://dead.example/x.xsd': x.xsd }", true),
        ("schemaLocation=\"http://dead.example/x.xsd\"", "catalog: { 'urn:x': x.xsd }", true),
        ("", "catalog: { 'urn:x': x.xsd }", true),
        ("schemaLocation=\"http://dead.example/x.xsd\"", "", false),
        ("schemaLocation=\"none.xsd\"", "", false),
    ] {
        let project = Project::new(&[("a.wsdl", &schema(location)), ("x.xsd", imported), ("chameleon.xsd", chameleon)]);
        let (adapter, faults) = project.load(&format!("wsdl: a.wsdl\n{catalog}"), &[spec("op", &[], &[])]);
        assert_eq!(adapter.is_some(), good, "{location} {catalog}: {faults:?}");
        if let Some(adapter) = adapter {
            let names: Vec<_> = adapter_api::Adapter::files(&adapter).iter().filter_map(|path| path.file_name()?.to_str()).collect();
            assert_eq!(names, ["a.wsdl", "chameleon.xsd", "x.xsd"], "what a backup has to keep");
        }
        if !good {
            assert!(faults[0].contains("the type `{urn:x}T` is not defined") && faults[0].contains("nothing is fetched"), "{faults:?}");
        }
    }
}

#[test]
fn ports_are_chosen_by_version_or_by_name() {
    let one = wsdl(r#"<xs:element name="Op" type="xs:string"/><xs:element name="OpResponse" type="xs:string"/>"#);
    let binding = &one[one.find("<binding").unwrap_or_default()..one.find("<service").unwrap_or_default()];
    let twelve = binding.replace("name=\"B\"", "name=\"B12\"").replace("soap:", "soap12:");
    let both =
        one.replace("<service", &format!("{twelve}<service")).replace("</service>", "<port name=\"SP12\" binding=\"t:B12\"/></service>");
    let both = both.replace("<definitions ", "<definitions xmlns:soap12=\"http://schemas.xmlsoap.org/wsdl/soap12/\" ");
    let project = Project::new(&[("a.wsdl", &both)]);
    for (yaml, header) in [
        ("wsdl: a.wsdl", "text/xml; charset=utf-8"),
        ("{ wsdl: a.wsdl, soap_version: 1.2 }", "application/soap+xml; charset=utf-8; action=\"urn:op\""),
        ("{ wsdl: a.wsdl, port: SP12, service: S }", "application/soap+xml; charset=utf-8; action=\"urn:op\""),
    ] {
        use adapter_api::Adapter;
        let adapter = project.adapter(yaml, &[spec("op", &[], &[])]);
        let request = adapter.request(&mut super::support::call(&[], &[], Some("\"x\""))).expect("a request");
        assert_eq!(request.headers.get("content-type").and_then(|value| value.to_str().ok()), Some(header));
        assert_eq!(request.headers.get("soapaction").is_some(), header.starts_with("text"));
    }
    let other = both
        .replace("<service", "<portType name=\"P2\"/><binding name=\"B3\" type=\"t:P2\"><soap:binding transport=\"x\"/></binding><service");
    let other = other.replace("</service>", "<port name=\"Third\" binding=\"t:B3\"/></service>");
    let project = Project::new(&[("a.wsdl", &other)]);
    let (_, faults) = project.load("wsdl: a.wsdl", &[spec("op", &[], &[])]);
    assert!(faults[0].contains("set `service` and `port`") && faults[0].contains("`Third`"), "{faults:?}");
}
