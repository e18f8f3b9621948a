use std::sync::Arc;

use adapter_api::document::Fault;

use super::draft::Draft;
use super::{Compiler, Component, Symbol};
use crate::plan::{Attribute, Builtin, SimpleId, Space, Spaces, XML, XSD};
use crate::source::{Element, QName};

impl Compiler<'_> {
    /// Adds the attributes that stand in a type, a derivation or an attribute group.
    pub(super) fn attributes(&mut self, draft: &mut Draft, parent: &Arc<Element>, document: usize, depth: usize) {
        for child in parent.children_of(XSD) {
            match &*child.name.local {
                "attribute" => {
                    let attribute = self.attribute(child, document);
                    if let Some(attribute) = draft.keep(attribute) {
                        draft.attribute(attribute);
                    }
                }
                "anyAttribute" => draft.any_attribute = true,
                "attributeGroup" if depth < 50 => {
                    let Some(name) = child.attr("ref") else { continue };
                    let group = self.schemas.qname(name, child, document);
                    let group = group.and_then(|name| self.schemas.find(Symbol::AttributeGroup, &name, child));
                    if let Some(Component { element, document }) = draft.keep(group) {
                        self.attributes(draft, &element, document, depth + 1);
                    }
                }
                "attributeGroup" => draft.faults.push(child.fault("this attribute group holds itself")),
                _ => {}
            }
        }
    }

    fn attribute(&mut self, child: &Arc<Element>, document: usize) -> Result<Attribute, Fault> {
        let (name, declared, declaring) = if let Some(name) = child.attr("ref") {
            let name = self.schemas.qname(name, child, document)?;
            match self.schemas.find(Symbol::Attribute, &name, child) {
                Ok(Component { element, document }) => (name, Some(element), document),
                // `xml:lang` and its kin are known to everyone, whether or not their schema is at hand.
                Err(_) if &*name.space == XML => (name, None, document),
                Err(fault) => return Err(fault),
            }
        } else {
            let schema = &self.schemas.documents[document];
            let qualified = child.attr("form").map_or(schema.qualified_attributes, |form| form == "qualified");
            let space = if qualified { schema.target.clone() } else { "".into() };
            let local = child.attr("name").ok_or_else(|| child.fault("an attribute needs a `name` or a `ref`"))?;
            (QName { space, local: local.into() }, Some(child.clone()), document)
        };
        let prohibited = child.attr("use") == Some("prohibited");
        let content = match &declared {
            Some(element) if !prohibited => self.attribute_type(element, declaring)?,
            _ => self.builtin(Builtin::String),
        };
        let space = self.space(&name.space, child)?;
        let prefix = Spaces::prefix(space);
        let written = if prefix.is_empty() { name.local.to_string() } else { format!("{prefix}:{}", name.local) };
        let value = |key| child.attr(key).or_else(|| declared.as_ref().and_then(|element| element.attr(key))).map(Into::into);
        let mut attribute = Attribute {
            space,
            local: name.local.clone(),
            name: "".into(),
            open: format!(" {written}=\"").into_bytes().into(),
            key: [].into(),
            content,
            required: child.attr("use") == Some("required"),
            prohibited,
            default: value("default"),
            fixed: value("fixed"),
        };
        attribute.rename(name.local.into());
        Ok(attribute)
    }

    fn attribute_type(&mut self, element: &Arc<Element>, document: usize) -> Result<SimpleId, Fault> {
        if let Some(name) = element.attr("type") {
            let name = self.schemas.qname(name, element, document)?;
            if &*name.space == XSD && &*name.local == "anySimpleType" {
                return Ok(self.builtin(Builtin::String));
            }
            return self.simple_named(&name, element);
        }
        match element.named(XSD, "simpleType").next() {
            Some(inner) => self.simple_type(inner, document),
            None => Ok(self.builtin(Builtin::String)),
        }
    }

    /// The number of a namespace.
    pub(crate) fn space(&mut self, uri: &str, at: &Element) -> Result<Space, Fault> {
        self.plan.spaces.add(uri).ok_or_else(|| at.fault("the description has too many namespaces"))
    }
}
