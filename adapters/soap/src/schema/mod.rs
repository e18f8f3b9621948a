//! XML Schema 1.0, as far as messages need it: components gathered from files, then compiled into a plan.
//!
//! This is no validator. It reads what decides how a message is written and read, and refuses every construct whose
//! translation to JSON would lose or guess something.

mod attributes;
mod complex;
mod draft;
mod element;
mod gather;
mod particle;
mod pattern;
mod simple;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use adapter_api::document::{Fault, Place};

use crate::plan::{ComplexId, Plan, SimpleId, TypeRef};
use crate::source::{Element, QName};

/// What a schema can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Symbol {
    Type,
    Element,
    Attribute,
    Group,
    AttributeGroup,
}

/// Every schema that a description holds or imports.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    documents: Vec<Document>,
    components: HashMap<(Symbol, QName), Component>,
    /// What could not be had of a namespace, told only when something of it is needed.
    missing: HashMap<Arc<str>, (Place, String)>,
    /// Elements that others may stand for.
    heads: HashSet<QName>,
    seen: HashSet<(usize, Arc<str>)>,
}

/// One `xs:schema`, under the namespace that it defines.
#[derive(Debug)]
struct Document {
    target: Arc<str>,
    qualified_elements: bool,
    qualified_attributes: bool,
    /// Included without a namespace of its own: it takes the includer's, its unprefixed references too.
    chameleon: bool,
}

/// A named component and the document that it stands in.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) element: Arc<Element>,
    document: usize,
}

impl Schemas {
    fn find(&self, symbol: Symbol, name: &QName, at: &Element) -> Result<Component, Fault> {
        if let Some(component) = self.components.get(&(symbol, name.clone())) {
            return Ok(component.clone());
        }
        let kind = match symbol {
            Symbol::Type => "type",
            Symbol::Element => "element",
            Symbol::Attribute => "attribute",
            Symbol::Group => "group",
            Symbol::AttributeGroup => "attribute group",
        };
        let fault = at.fault(format!("the {kind} `{name}` is not defined"));
        Err(match self.missing.get(&name.space) {
            Some((place, why)) => fault.hint(format!("{place}: {why}")),
            None => fault.hint("define it, or import the schema that does"),
        })
    }

    fn qname(&self, text: &str, at: &Element, document: usize) -> Result<QName, Fault> {
        let name = at.qname(text)?;
        let document = &self.documents[document];
        let takes = document.chameleon && name.space.is_empty();
        Ok(if takes { QName { space: document.target.clone(), ..name } } else { name })
    }
}

/// How numbers look in JSON that not every reader holds exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// As texts.
    #[default]
    Text,
    /// As numbers of any length.
    Number,
}

/// Compiles components into a plan, each once.
#[derive(Debug)]
pub(crate) struct Compiler<'s> {
    schemas: &'s Schemas,
    pub(crate) plan: Plan,
    numbers: Numbers,
    complex: HashMap<(usize, usize), ComplexId>,
    simple: HashMap<simple::Origin, Option<SimpleId>>,
    /// What is wrong with a type; told when an exposed operation needs it.
    faults: HashMap<TypeRef, Vec<Fault>>,
    depth: usize,
}

impl<'s> Compiler<'s> {
    pub(crate) fn new(schemas: &'s Schemas, numbers: Numbers) -> Self {
        Self { schemas, plan: Plan::default(), numbers, complex: HashMap::new(), simple: HashMap::new(), faults: HashMap::new(), depth: 0 }
    }

    /// What is wrong with a type and with every type that it holds.
    pub(crate) fn faults(&self, root: TypeRef) -> Vec<Fault> {
        let reach = self.plan.reach(root);
        reach.iter().filter_map(|inner| self.faults.get(inner)).flatten().cloned().collect()
    }
}

/// A construct that is not mapped.
pub(crate) fn refuse(at: &Element, construct: &str, hint: &str) -> Fault {
    at.fault(format!("{construct} cannot be mapped")).hint(hint)
}
