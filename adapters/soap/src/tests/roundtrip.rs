//! Whatever a description allows comes back as it went.

use adapter_api::Adapter;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::support::{call, echoing, read, sent, upstream};
use crate::plan::{Body, Builtin, Complex, Element, Particle, Plan, Shape, SimpleId, TypeRef, Variety};
use xml::XmlLimits;

use crate::{SoapAdapter, read_envelope};

const MODEL: &str = r#"<xs:sequence>
  <xs:element name="testo" type="xs:string" nillable="true"/>
  <xs:element name="numeri" type="xs:int" minOccurs="0" maxOccurs="unbounded"/>
  <xs:element name="importo" type="xs:decimal" minOccurs="0"/>
  <xs:element name="sesso" type="t:Sesso" minOccurs="0" form="unqualified"/>
  <xs:element name="elenco" type="t:Elenco" minOccurs="0"/>
  <xs:element name="dati" type="xs:base64Binary" minOccurs="0"/>
  <xs:choice>
    <xs:element name="cf" type="xs:token"/>
    <xs:sequence><xs:element name="nome" type="xs:string"/><xs:element name="nascita" type="xs:date" minOccurs="0"/></xs:sequence>
    <xs:sequence><xs:element name="ids" type="xs:unsignedLong" maxOccurs="4"/></xs:sequence>
  </xs:choice>
  <xs:sequence minOccurs="0"><xs:element name="da" type="xs:dateTime"/><xs:element name="a" type="xs:dateTime" nillable="true"/></xs:sequence>
  <xs:element name="indirizzo" type="t:Indirizzo" minOccurs="0" maxOccurs="3" nillable="true"/>
  <xs:element name="figlio" type="t:Content" minOccurs="0"/>
  <xs:element name="vuoto" minOccurs="0"><xs:complexType/></xs:element>
</xs:sequence><xs:attribute name="testo"/><xs:attribute name="versione" type="xs:short" use="required"/>"#;

const TYPES: &str = r#"<xs:simpleType name="Sesso"><xs:restriction base="xs:string"><xs:enumeration value="M"/><xs:enumeration value="F &amp; &quot;"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Elenco"><xs:list itemType="xs:boolean"/></xs:simpleType>
<xs:complexType name="Indirizzo"><xs:simpleContent><xs:extension base="xs:string"><xs:attribute name="tipo" type="xs:normalizedString"/></xs:extension></xs:simpleContent></xs:complexType>"#;

/// Draws values of a plan from a list of random numbers.
struct Draw<'p> {
    plan: &'p Plan,
    numbers: std::vec::IntoIter<u32>,
}

impl Draw<'_> {
    fn below(&mut self, bound: u32) -> u32 {
        self.numbers.next().unwrap_or(0) % bound
    }

    fn text(&mut self, collapsed: bool) -> String {
        let letters = ['a', 'è', '😀', '<', '&', ']', '>', '"', '\'', '\u{fffd}', ' ', '\t', '\n', '\r'];
        let usable = if collapsed { 10 } else { 14 };
        (0..self.below(6)).map(|_| letters[self.below(usable) as usize]).collect()
    }

    fn value(&mut self, element: &Element, depth: u32) -> Value {
        if element.nillable && self.below(4) == 0 {
            return Value::Null;
        }
        match element.content {
            TypeRef::Simple(id) => self.simple(id),
            TypeRef::Complex(id) => self.complex(self.plan.complex(id), depth),
        }
    }

    fn simple(&mut self, id: SimpleId) -> Value {
        let simple = self.plan.simple(id);
        if let Some(values) = &simple.facets.enumeration {
            return values[self.below(values.len() as u32) as usize].as_ref().into();
        }
        let number = self.below(u32::MAX);
        match (&simple.variety, simple.shape) {
            (Variety::List(item), _) => (0..self.below(4)).map(|_| self.simple(*item)).collect(),
            (_, Shape::Boolean) => number.is_multiple_of(2).into(),
            (_, Shape::Number) => (number as u16 as i16).into(),
            (Variety::Atomic(Builtin::UnsignedLong), Shape::Digits) => (u64::MAX - u64::from(number)).to_string().into(),
            (_, Shape::Digits) => format!("-1234567890123456789{number}.{:05}0", number % 100_000).into(),
            (_, Shape::Base64) => ["", "YQ==", "YWI=", "YWJj"][number as usize % 4].into(),
            (Variety::Atomic(Builtin::Date), _) => {
                format!("{:04}-02-28{}", 1 + number % 9999, ["", "Z", "+01:00"][number as usize % 3]).into()
            }
            (Variety::Atomic(Builtin::DateTime), _) => format!("2024-12-31T23:59:59.{number}").into(),
            (Variety::Atomic(Builtin::Token), _) => self.text(true).into(),
            (Variety::Atomic(Builtin::NormalizedString), _) => self.text(false).replace(['\t', '\n', '\r'], " ").into(),
            _ => self.text(false).into(),
        }
    }

    fn complex(&mut self, complex: &Complex, depth: u32) -> Value {
        let mut members = Map::new();
        for attribute in &complex.attributes {
            if attribute.required || self.below(2) == 0 {
                members.insert(attribute.name.to_string(), self.simple(attribute.content));
            }
        }
        match &complex.body {
            Body::Empty => {}
            Body::Text(text) => _ = members.insert("value".into(), self.simple(*text)),
            Body::All { particle } | Body::Elements { particle, .. } => self.particle(complex, particle, &mut members, depth),
        }
        for &at in &complex.arrays {
            members.entry(complex.elements[usize::from(at)].name.to_string()).or_insert_with(|| Value::Array(Vec::new()));
        }
        members.into()
    }

    fn particle(&mut self, complex: &Complex, particle: &Particle, members: &mut Map<String, Value>, depth: u32) {
        match particle {
            Particle::Element(place) => {
                let element = &complex.elements[usize::from(place.element)];
                let most = place.max.min(place.min + if depth > 5 { 0 } else { 3 });
                let count = place.min + self.below(most - place.min + 1);
                let values: Vec<Value> = (0..count).map(|_| self.value(element, depth + 1)).collect();
                match values.into_iter().collect::<Vec<_>>() {
                    values if element.array => _ = members.insert(element.name.to_string(), values.into()),
                    values => values.into_iter().for_each(|value| _ = members.insert(element.name.to_string(), value)),
                }
            }
            Particle::Sequence(group) | Particle::All(group) => {
                if !group.optional || self.below(2) == 0 {
                    group.items.iter().for_each(|item| self.particle(complex, item, members, depth));
                }
            }
            Particle::Choice(group) => {
                let branch = self.below(group.items.len() as u32) as usize;
                self.particle(complex, &group.items[branch], members, depth);
            }
        }
    }
}

fn adapter() -> &'static SoapAdapter {
    static ADAPTER: std::sync::OnceLock<SoapAdapter> = std::sync::OnceLock::new();
    ADAPTER.get_or_init(|| echoing(MODEL, TYPES, "{}"))
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "testo",
        "@testo",
        "versione",
        "numeri",
        "cf",
        "nome",
        "ids",
        "indirizzo",
        "figlio",
        "value",
        "tipo",
        "da",
        "a",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        ".{0,4}".prop_map(Value::String)
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(names.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn values_of_a_plan_come_back(numbers in prop::collection::vec(any::<u32>(), 0..300)) {
        let adapter = adapter();
        let (plan, input) = adapter.plan_and_input();
        let value = Draw { plan, numbers: numbers.into_iter() }.value(input, 0);
        let json = value.to_string();
        let request = sent(adapter, call(&[], &[], Some(&json))).map_err(TestCaseError::fail)?;
        let answer = request.replace("<n1:Op ", "<n1:OpResponse ").replace("</n1:Op>", "</n1:OpResponse>");
        let back = read(adapter, upstream(200, "text/xml", answer.as_bytes())).map_err(TestCaseError::fail)?;
        prop_assert_eq!(serde_json::from_str::<Value>(&back)?, value, "{}", request);
    }

    #[test]
    fn any_json_becomes_an_envelope_or_a_problem(value in any_json()) {
        let adapter = adapter();
        let mut call = call(&[], &[], Some(&value.to_string()));
        if let Ok(request) = adapter.request(&mut call) {
            let adapter_api::UpstreamBody::Bytes(bytes) = request.body else { return Err(TestCaseError::fail("no bytes")) };
            prop_assert!(read_envelope(&bytes, None, XmlLimits::default()).is_ok());
        }
    }
}
