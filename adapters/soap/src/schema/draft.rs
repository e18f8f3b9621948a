use adapter_api::document::Fault;

use crate::plan::{Attribute, Body, Complex, Element, Particle, SimpleId};

/// A complex type while it is put together from its bases, groups and itself.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) attributes: Vec<Attribute>,
    pub(super) any_attribute: bool,
    pub(super) elements: Vec<Element>,
    pub(super) particles: Vec<Particle>,
    pub(super) text: Option<SimpleId>,
    pub(super) faults: Vec<Fault>,
}

impl Draft {
    pub(super) fn keep<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.faults.push(fault)).ok()
    }

    /// Adds an attribute, or replaces the one of that name: a restriction says again what it changes.
    pub(super) fn attribute(&mut self, attribute: Attribute) {
        let same = |known: &Attribute| known.space == attribute.space && known.local == attribute.local;
        match self.attributes.iter_mut().find(|known| same(known)) {
            Some(known) => *known = attribute,
            None => self.attributes.push(attribute),
        }
    }

    /// The element's index in the type: one index for one name, wherever it stands.
    pub(super) fn element(&mut self, element: Element) -> Result<u16, &'static str> {
        if let Some(at) = self.elements.iter().position(|known| known.name == element.name) {
            let known = &mut self.elements[at];
            if known.space != element.space {
                return Err("two elements of one local name in different namespaces");
            }
            if known.content != element.content || known.nillable != element.nillable {
                return Err("two elements of one name and different types");
            }
            known.array |= element.array;
            known.optional_branch |= element.optional_branch;
            return Ok(at as u16);
        }
        if self.elements.len() >= 2000 {
            return Err("a type with more than 2000 elements");
        }
        self.elements.push(element);
        Ok(self.elements.len() as u16 - 1)
    }

    /// Gives attributes their JSON members: their own name, with `@` before it where that is taken.
    fn name_attributes(&mut self) {
        for at in 0..self.attributes.len() {
            let local = self.attributes[at].local.clone();
            let element = self.elements.iter().any(|element| element.name == local);
            let text = self.text.is_some() && &*local == "value";
            let other = self.attributes[..at].iter().any(|other| other.local == local);
            if element || text || other {
                self.attributes[at].rename(format!("@{local}"));
            }
        }
    }

    /// The finished type without its name.
    pub(super) fn finish(mut self, body: Body) -> Complex {
        self.attributes.retain(|attribute| !attribute.prohibited);
        self.name_attributes();
        let mut complex = Complex {
            name: None,
            attributes: self.attributes,
            any_attribute: self.any_attribute,
            elements: self.elements,
            body,
            members: Vec::new(),
            arrays: Box::default(),
        };
        complex.index();
        complex
    }
}
