use std::sync::Arc;

use adapter_api::document::Fault;

use super::{Compiler, Component, Symbol, refuse};
use crate::plan::{self, Spaces, Tag, TypeRef, XSD};
use crate::source::{Element, QName};

impl Compiler<'_> {
    /// A global element: the content of a message.
    pub(crate) fn global(&mut self, name: &QName, at: &Element) -> Result<plan::Element, Fault> {
        let Component { element, document } = self.schemas.find(Symbol::Element, name, at)?;
        self.declared(&element, document, name)
    }

    /// An element particle, local or a reference to a global one.
    pub(super) fn local(&mut self, element: &Arc<Element>, document: usize) -> Result<plan::Element, Fault> {
        if let Some(name) = element.attr("ref") {
            let name = self.schemas.qname(name, element, document)?;
            return self.global(&name, element);
        }
        let schema = &self.schemas.documents[document];
        let qualified = element.attr("form").map_or(schema.qualified_elements, |form| form == "qualified");
        let space = if qualified { schema.target.clone() } else { "".into() };
        let local = element.attr("name").ok_or_else(|| element.fault("an element needs a `name` or a `ref`"))?;
        self.declared(element, document, &QName { space, local: local.into() })
    }

    fn declared(&mut self, element: &Arc<Element>, document: usize, name: &QName) -> Result<plan::Element, Fault> {
        if element.flag("abstract") {
            return Err(refuse(element, &format!("the abstract element `{}`", name.local), "no element stands for it in a message yet"));
        }
        if self.schemas.heads.contains(name) {
            let construct = format!("the substitution group of `{}`", name.local);
            return Err(refuse(element, &construct, "leave the operations that need it out of the contract"));
        }
        let content = self.element_type(element, document, name)?;
        let space = self.space(&name.space, element)?;
        Ok(plan::Element {
            space,
            name: name.local.clone(),
            tag: Tag::new(&Spaces::prefix(space), &name.local),
            content,
            nillable: element.flag("nillable"),
            default: element.attr("default").map(Into::into),
            fixed: element.attr("fixed").map(Into::into),
            array: false,
            optional_branch: false,
        })
    }

    fn element_type(&mut self, element: &Arc<Element>, document: usize, name: &QName) -> Result<TypeRef, Fault> {
        if let Some(named) = element.attr("type") {
            let named = self.schemas.qname(named, element, document)?;
            return self.type_named(&named, element);
        }
        for child in element.children_of(XSD) {
            match &*child.name.local {
                "simpleType" => return self.simple_type(child, document).map(TypeRef::Simple),
                "complexType" => return Ok(TypeRef::Complex(self.complex_type(child, document, None))),
                _ => {}
            }
        }
        let construct = format!("the element `{}`, which has no type (`xs:anyType`),", name.local);
        Err(refuse(element, &construct, "give it a type, or leave the operations that need it out of the contract"))
    }
}
