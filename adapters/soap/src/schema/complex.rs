use std::sync::Arc;

use adapter_api::document::Fault;

use super::draft::Draft;
use super::particle::once;
use super::{Compiler, Component, Symbol, refuse};
use crate::plan::{Automaton, Body, Clash, Complex, ComplexId, Group, Particle, Space, TypeRef, XSD};
use crate::source::{Element, QName};

impl Compiler<'_> {
    /// An `xs:complexType`. Its number is given before its content is read, so that it may hold itself.
    pub(super) fn complex_type(&mut self, element: &Arc<Element>, document: usize, name: Option<(Space, Box<str>)>) -> ComplexId {
        let origin = (Arc::as_ptr(element).addr(), document);
        if let Some(known) = self.complex.get(&origin) {
            return *known;
        }
        let id = ComplexId(self.plan.complex.len() as u32);
        self.plan.complex.push(Complex::default());
        self.complex.insert(origin, id);
        let mut draft = Draft::default();
        self.depth += 1;
        if self.depth > 100 {
            draft.faults.push(element.fault("types nest too deeply"));
        } else {
            self.collect(&mut draft, element, document, 0);
        }
        self.depth -= 1;
        let body = body(&mut draft, element);
        let faults = std::mem::take(&mut draft.faults);
        self.plan.complex[id.0 as usize] = Complex { name, ..draft.finish(body) };
        if !faults.is_empty() {
            self.faults.insert(TypeRef::Complex(id), faults);
        }
        id
    }

    /// Adds what a complex type holds, its base first.
    fn collect(&mut self, draft: &mut Draft, element: &Arc<Element>, document: usize, depth: usize) {
        if depth > 50 {
            draft.faults.push(element.fault("this type is derived from itself"));
            return;
        }
        if element.flag("abstract") && depth == 0 {
            let construct = format!("the abstract type `{}`", element.attr("name").unwrap_or("without a name"));
            draft.faults.push(refuse(element, &construct, "a type that messages name themselves (`xsi:type`) is not mapped yet"));
        }
        mixed(draft, element);
        for child in element.children_of(XSD) {
            match &*child.name.local {
                "simpleContent" => self.simple_content(draft, child, document, depth),
                "complexContent" => {
                    mixed(draft, child);
                    self.complex_content(draft, child, document, depth);
                }
                "openContent" | "assert" => {
                    draft.faults.push(refuse(child, &format!("`xs:{}`", child.name.local), "XML Schema 1.1 is not mapped"));
                }
                _ => {}
            }
        }
        self.content(draft, element, document);
    }

    /// The particle and the attributes that stand directly in a type or a derivation.
    fn content(&mut self, draft: &mut Draft, parent: &Arc<Element>, document: usize) {
        for child in parent.children_of(XSD) {
            if matches!(&*child.name.local, "sequence" | "choice" | "all" | "group") {
                let particle = self.particle(draft, child, document, false, 0);
                draft.particles.extend(particle);
            }
        }
        self.attributes(draft, parent, document, 0);
    }

    fn complex_content(&mut self, draft: &mut Draft, content: &Arc<Element>, document: usize, depth: usize) {
        for child in content.children_of(XSD) {
            let Some(base) = child.attr("base") else { continue };
            let base = self.schemas.qname(base, child, document);
            let Some(base) = draft.keep(base) else { continue };
            if &*base.space == XSD && &*base.local == "anyType" {
                self.content(draft, child, document);
                continue;
            }
            let component = self.base(&base, child);
            let Some(Component { element, document: home }) = draft.keep(component) else { continue };
            match &*child.name.local {
                "extension" => {
                    self.collect(draft, &element, home, depth + 1);
                    self.content(draft, child, document);
                }
                "restriction" => {
                    // A restriction repeats the content that it keeps, but only the attributes that it changes.
                    let mut whole = Draft::default();
                    self.collect(&mut whole, &element, home, depth + 1);
                    draft.faults.append(&mut whole.faults);
                    draft.attributes.append(&mut whole.attributes);
                    draft.any_attribute |= whole.any_attribute;
                    self.content(draft, child, document);
                }
                _ => {}
            }
        }
    }

    fn base(&self, name: &QName, at: &Element) -> Result<Component, Fault> {
        if name.space.contains("soap/encoding") || name.space.contains("soap-encoding") {
            return Err(refuse(at, "a SOAP-encoded array", "only literal messages are mapped"));
        }
        self.schemas.find(Symbol::Type, name, at)
    }

    fn simple_content(&mut self, draft: &mut Draft, content: &Arc<Element>, document: usize, depth: usize) {
        for child in content.children_of(XSD) {
            let Some(base) = child.attr("base") else { continue };
            let base = self.schemas.qname(base, child, document);
            let Some(base) = draft.keep(base) else { continue };
            let complex = match self.schemas.find(Symbol::Type, &base, child) {
                Ok(component) if component.element.is(XSD, "complexType") => Some(component),
                _ => None,
            };
            if let Some(Component { element, document }) = complex {
                self.collect(draft, &element, document, depth + 1);
            } else {
                let text = self.simple_named(&base, child);
                draft.text = draft.keep(text);
            }
            if &*child.name.local == "restriction" {
                let inner = child.named(XSD, "simpleType").next().map(|inner| self.simple_type(inner, document)).transpose();
                let base = draft.keep(inner).flatten().or(draft.text);
                if let Some(base) = base {
                    let text = self.derive(child, base);
                    draft.text = draft.keep(text);
                }
            }
            self.attributes(draft, child, document, 0);
        }
    }
}

fn mixed(draft: &mut Draft, element: &Element) {
    if element.flag("mixed") {
        draft.faults.push(refuse(element, "mixed content", "text between elements has no place in JSON"));
    }
}

/// What stands between the tags, from the particles collected.
fn body(draft: &mut Draft, element: &Element) -> Body {
    if let Some(text) = draft.text {
        return Body::Text(text);
    }
    let mut particles = std::mem::take(&mut draft.particles);
    let particle = match particles.len() {
        0 => return Body::Empty,
        1 => particles.remove(0),
        _ => {
            once(draft, element, &particles);
            Particle::Sequence(Group::new(particles, false))
        }
    };
    if let Particle::All(group) = &particle {
        let single = |item: &Particle| matches!(item, Particle::Element(place) if place.max == 1);
        if !group.items.iter().all(single) {
            draft.faults.push(refuse(element, "`xs:all` with repeated elements", "XML Schema 1.1 is not mapped"));
        }
        return Body::All { particle };
    }
    if holds_all(&particle, false) {
        draft.faults.push(refuse(element, "`xs:all` inside other content", "it stands alone in a type"));
    }
    match Automaton::new(&particle) {
        Ok(automaton) => Body::Elements { particle, automaton },
        Err(Clash::Ambiguous(at)) => {
            let name = draft.elements.get(usize::from(at)).map(|element| element.name.clone()).unwrap_or_default();
            let construct = format!("content in which `{name}` could stand for two places");
            draft.faults.push(refuse(element, &construct, "XML Schema forbids it (unique particle attribution)"));
            Body::Empty
        }
        Err(Clash::TooLarge) => {
            draft.faults.push(refuse(element, "a type with more than 2000 places for elements", "leave it out of the contract"));
            Body::Empty
        }
    }
}

fn holds_all(particle: &Particle, inside: bool) -> bool {
    match particle {
        Particle::Element(_) => false,
        Particle::All(_) => inside,
        Particle::Sequence(group) | Particle::Choice(group) => group.items.iter().any(|item| holds_all(item, true)),
    }
}
