//! What a WSDL and its schemas say, resolved: types as a graph of numbered nodes, names as bytes ready to be written.
//!
//! A plan is made once, at load. Messages are written by walking it, never by walking the JSON, so that elements come out in
//! the order, number and namespace of the schema whatever the caller sent; and they are read against it, so that an array is
//! an array also with one item.

mod automaton;
mod complex;
mod decimal;
mod lexical;
mod simple;

pub(crate) use automaton::{Automaton, Clash, START};
pub(crate) use complex::{Attribute, Body, Complex, Element, Group, Particle, Tag, Use};
pub(crate) use decimal::{Decimal, json_number};
pub(crate) use lexical::{Builtin, White};
pub(crate) use simple::{Bound, Facets, Rule, Shape, Simple, Variety, compare};
pub(crate) use xml::{SOAP_11, SOAP_12, Space, Spaces, XML, XSD};

/// A simple type of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SimpleId(pub(crate) u32);

/// A complex type of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ComplexId(pub(crate) u32);

/// A type of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum TypeRef {
    Simple(SimpleId),
    Complex(ComplexId),
}

/// The resolved types of a description.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) spaces: Spaces,
    pub(crate) complex: Vec<Complex>,
    pub(crate) simple: Vec<Simple>,
    pub(crate) leniency: Leniency,
}

/// Where a plan looks away because its mapping says so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leniency {
    /// Elements and attributes that the schema does not know are skipped in answers.
    pub(crate) drop_unknown: bool,
    /// An empty number in an answer counts as no element at all.
    pub(crate) empty_number_absent: bool,
    /// An empty date in an answer counts as no element at all.
    pub(crate) empty_date_absent: bool,
}

impl Plan {
    pub(crate) fn simple(&self, id: SimpleId) -> &Simple {
        &self.simple[id.0 as usize]
    }

    pub(crate) fn complex(&self, id: ComplexId) -> &Complex {
        &self.complex[id.0 as usize]
    }

    /// Every complex and simple type that a value of this type can hold, itself included.
    pub(crate) fn reach(&self, root: TypeRef) -> Vec<TypeRef> {
        let mut found = std::collections::BTreeSet::from([root]);
        let mut left = vec![root];
        while let Some(next) = left.pop() {
            for inner in self.inside(next) {
                if found.insert(inner) {
                    left.push(inner);
                }
            }
        }
        found.into_iter().collect()
    }

    fn inside(&self, root: TypeRef) -> Vec<TypeRef> {
        match root {
            TypeRef::Simple(id) => match &self.simple(id).variety {
                Variety::Atomic(_) => Vec::new(),
                Variety::List(item) => vec![TypeRef::Simple(*item)],
                Variety::Union(members) => members.iter().copied().map(TypeRef::Simple).collect(),
            },
            TypeRef::Complex(id) => {
                let complex = self.complex(id);
                let mut inner: Vec<_> = complex.attributes.iter().map(|attribute| TypeRef::Simple(attribute.content)).collect();
                inner.extend(complex.elements.iter().map(|element| element.content));
                if let Body::Text(text) = complex.body {
                    inner.push(TypeRef::Simple(text));
                }
                inner
            }
        }
    }
}
