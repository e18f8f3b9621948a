use std::sync::Arc;

use adapter_api::document::Fault;

use super::{Compiler, Component, Numbers, Symbol, pattern, refuse};
use crate::plan::{Bound, Builtin, Decimal, Facets, Shape, Simple, SimpleId, TypeRef, Variety, White, XSD, compare};
use crate::source::{Element, QName};

/// What a compiled simple type was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    Builtin(Builtin),
    /// The address of its element, and the document that decides what its names mean.
    Element(usize, usize),
}

impl Compiler<'_> {
    pub(super) fn builtin(&mut self, builtin: Builtin) -> SimpleId {
        let origin = Origin::Builtin(builtin);
        if let Some(Some(known)) = self.simple.get(&origin) {
            return *known;
        }
        let id = self.add_simple(Variety::Atomic(builtin), builtin.white(), Facets::default());
        self.simple.insert(origin, Some(id));
        id
    }

    fn add_simple(&mut self, variety: Variety, white: White, facets: Facets) -> SimpleId {
        let shape = self.shape(&variety, &facets);
        self.plan.simple.push(Simple { variety, white, facets, shape });
        SimpleId(self.plan.simple.len() as u32 - 1)
    }

    /// A type that must be simple, by name.
    pub(super) fn simple_named(&mut self, name: &QName, at: &Element) -> Result<SimpleId, Fault> {
        match self.type_named(name, at)? {
            TypeRef::Simple(id) => Ok(id),
            TypeRef::Complex(_) => Err(at.fault(format!("the type `{name}` is complex, but only a simple type can stand here"))),
        }
    }

    /// A built-in type of XML Schema by its local name.
    pub(super) fn builtin_named(&mut self, local: &str, at: &Element) -> Result<SimpleId, Fault> {
        match (Builtin::named(local), local) {
            (Some(builtin), _) => Ok(self.builtin(builtin)),
            (None, "NMTOKENS") => Ok(self.builtin_list(Builtin::NmToken)),
            (None, "IDREFS") => Ok(self.builtin_list(Builtin::IdRef)),
            (None, "anyType" | "anySimpleType") => Err(refuse(at, &format!("`xs:{local}`"), "a type that says what it holds is needed")),
            (None, "QName" | "NOTATION" | "ENTITY" | "ENTITIES") => {
                Err(refuse(at, &format!("`xs:{local}`"), "leave the operations that need it out of the contract"))
            }
            (None, _) => Err(at.fault(format!("XML Schema has no type `{local}`"))),
        }
    }

    fn builtin_list(&mut self, item: Builtin) -> SimpleId {
        let item = self.builtin(item);
        self.add_simple(Variety::List(item), White::Collapse, Facets { min_length: Some(1), ..Facets::default() })
    }

    /// An `xs:simpleType`, named or not.
    pub(super) fn simple_type(&mut self, element: &Arc<Element>, document: usize) -> Result<SimpleId, Fault> {
        let origin = Origin::Element(Arc::as_ptr(element).addr(), document);
        match self.simple.get(&origin) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(element.fault("this type is defined by itself")),
            None => {}
        }
        self.simple.insert(origin, None);
        let compiled = self.define_simple(element, document);
        match &compiled {
            Ok(id) => self.simple.insert(origin, Some(*id)),
            Err(_) => self.simple.remove(&origin),
        };
        compiled
    }

    fn define_simple(&mut self, element: &Arc<Element>, document: usize) -> Result<SimpleId, Fault> {
        for child in element.children_of(XSD) {
            match &*child.name.local {
                "restriction" => {
                    let base = self.inner_simple(child, "base", document)?;
                    return self.derive(child, base);
                }
                "list" => {
                    let item = self.inner_simple(child, "itemType", document)?;
                    return Ok(self.add_simple(Variety::List(item), White::Collapse, Facets::default()));
                }
                "union" => {
                    let mut members = Vec::new();
                    for name in child.attr("memberTypes").unwrap_or_default().split_whitespace() {
                        let name = self.schemas.qname(name, child, document)?;
                        members.push(self.simple_named(&name, child)?);
                    }
                    for inner in child.named(XSD, "simpleType") {
                        members.push(self.simple_type(inner, document)?);
                    }
                    return Ok(self.add_simple(Variety::Union(members.into()), White::Preserve, Facets::default()));
                }
                _ => {}
            }
        }
        Err(element.fault("a simple type needs a restriction, a list or a union"))
    }

    fn inner_simple(&mut self, child: &Arc<Element>, attribute: &str, document: usize) -> Result<SimpleId, Fault> {
        if let Some(name) = child.attr(attribute) {
            let name = self.schemas.qname(name, child, document)?;
            return self.simple_named(&name, child);
        }
        match child.named(XSD, "simpleType").next() {
            Some(inner) => self.simple_type(inner, document),
            None => Err(child.fault(format!("`{attribute}` is missing"))),
        }
    }

    /// A type that restricts another by the facets that stand in an element.
    pub(super) fn derive(&mut self, restriction: &Arc<Element>, base: SimpleId) -> Result<SimpleId, Fault> {
        let base = self.plan.simple(base);
        let (variety, mut white, mut facets) = (base.variety.clone(), base.white, base.facets.clone());
        let value = |child: &Element| child.attr("value").ok_or_else(|| child.fault("a facet needs a `value`")).map(str::to_owned);
        let mut patterns = Vec::new();
        let mut values: Vec<Box<str>> = Vec::new();
        for child in restriction.children_of(XSD) {
            let count = || {
                let text = value(child)?;
                text.parse::<usize>().map_err(|_| child.fault("this facet's value should be a whole number"))
            };
            match &*child.name.local {
                "length" => facets.length = Some(count()?),
                "minLength" => facets.min_length = Some(count()?),
                "maxLength" => facets.max_length = Some(count()?),
                "totalDigits" => facets.total_digits = Some(count()?),
                "fractionDigits" => facets.fraction_digits = Some(count()?),
                "minInclusive" => facets.least = Some(bound(child, &variety, value(child)?, true)?),
                "minExclusive" => facets.least = Some(bound(child, &variety, value(child)?, false)?),
                "maxInclusive" => facets.most = Some(bound(child, &variety, value(child)?, true)?),
                "maxExclusive" => facets.most = Some(bound(child, &variety, value(child)?, false)?),
                "whiteSpace" => {
                    white = white.max(match value(child)?.as_str() {
                        "preserve" => White::Preserve,
                        "replace" => White::Replace,
                        "collapse" => White::Collapse,
                        _ => return Err(child.fault("`whiteSpace` is `preserve`, `replace` or `collapse`")),
                    });
                }
                "pattern" => patterns.push((child, value(child)?)),
                "enumeration" => values.push(value(child)?.into()),
                "annotation" | "simpleType" | "attribute" | "attributeGroup" | "anyAttribute" => {}
                other => {
                    return Err(refuse(child, &format!("`xs:{other}` in a restriction"), "only the facets of XML Schema 1.0 are mapped"));
                }
            }
        }
        if let Some((first, _)) = patterns.first() {
            let texts: Vec<&str> = patterns.iter().map(|(_, text)| text.as_str()).collect();
            let regex = pattern::compile(&texts);
            facets.patterns.push(regex.map_err(|why| refuse(first, "this pattern", &why))?);
        }
        let id = self.add_simple(variety, white, facets);
        if !values.is_empty() {
            let simple = self.plan.simple(id);
            let values = values.iter().map(|value| simple.settle(value).into()).collect();
            self.plan.simple[id.0 as usize].facets.enumeration = Some(values);
        }
        Ok(id)
    }

    /// What values look like in JSON: numbers are numbers only where the type, not the value, keeps them within what every
    /// reader holds exactly, 15 significant digits.
    fn shape(&self, variety: &Variety, facets: &Facets) -> Shape {
        let Variety::Atomic(builtin) = variety else { return Shape::Text };
        match builtin {
            Builtin::Boolean => Shape::Boolean,
            Builtin::Base64 => Shape::Base64,
            builtin if builtin.is_float() => Shape::Float,
            builtin if builtin.is_decimal() => match self.numbers {
                Numbers::Number => Shape::Number,
                Numbers::Text if most_digits(*builtin, facets).is_some_and(|digits| digits <= 15) => Shape::Number,
                Numbers::Text => Shape::Digits,
            },
            _ => Shape::Text,
        }
    }

    /// A type by name, simple or complex.
    pub(crate) fn type_named(&mut self, name: &QName, at: &Element) -> Result<TypeRef, Fault> {
        if &*name.space == XSD {
            return self.builtin_named(&name.local, at).map(TypeRef::Simple);
        }
        if name.space.contains("soap/encoding") || name.space.contains("soap-encoding") {
            return Err(refuse(at, "SOAP encoding", "only literal messages are mapped"));
        }
        if &*name.local == "swaRef" && &*name.space == "http://ws-i.org/profiles/basic/1.1/xsd" {
            return Err(refuse(at, "a reference to an attachment (`swaRef`)", "attachments are not mapped yet"));
        }
        let Component { element, document } = self.schemas.find(Symbol::Type, name, at)?;
        if element.is(XSD, "simpleType") {
            return self.simple_type(&element, document).map(TypeRef::Simple);
        }
        let name = self.plan.spaces.add(&name.space).map(|space| (space, name.local.clone()));
        Ok(TypeRef::Complex(self.complex_type(&element, document, name)))
    }
}

fn bound(child: &Element, variety: &Variety, value: String, inclusive: bool) -> Result<Bound, Fault> {
    let hint = "ranges are checked on numbers only";
    let Variety::Atomic(builtin) = variety else { return Err(refuse(child, "a range on this type", hint)) };
    if compare(*builtin, &value, &value).is_none() {
        let construct = format!("a range on `xs:{}`", builtin.name());
        return Err(if builtin.is_date() { refuse(child, &construct, hint) } else { child.fault("this bound is not a number") });
    }
    Ok(Bound { value: value.into(), inclusive })
}

/// How many significant digits a value can have, where the type bounds them.
fn most_digits(builtin: Builtin, facets: &Facets) -> Option<usize> {
    let (least, most) = builtin.range();
    let own = |bound: &Option<Bound>| bound.as_ref().and_then(|bound| Decimal::read(&bound.value).map(|value| value.whole_digits()));
    let given = |text: Option<&'static str>| text.and_then(Decimal::read).map(|value| value.whole_digits());
    let side = |facet: Option<usize>, range: Option<usize>| facet.into_iter().chain(range).min();
    let whole = side(own(&facets.least), given(least)).zip(side(own(&facets.most), given(most)));
    let fraction = if builtin == Builtin::Decimal { facets.fraction_digits } else { Some(0) };
    let ranged = whole.zip(fraction).map(|((least, most), fraction)| least.max(most) + fraction);
    facets.total_digits.into_iter().chain(ranged).min()
}
