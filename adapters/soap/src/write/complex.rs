use std::borrow::Cow;

use adapter_api::json::{Kind, Node};

use super::{DEEPEST, Given, Refused, Writer, Wrong, push_attribute, push_text};
use crate::operation::{Overlay, Source, Taken};
use crate::plan::{Attribute, Body, Complex, ComplexId, Element, Group, Particle, SimpleId, TypeRef, Use};

impl<'c> Writer<'c> {
    /// An element of a complex type: what the JSON object has and what is bound, in the order of the schema.
    pub(super) fn complex(
        &mut self,
        element: &'c Element,
        id: ComplexId,
        node: Option<Node<'c>>,
        bound: Option<(&'c Overlay, &'c Taken)>,
        depth: usize,
    ) -> Result<(), Refused> {
        if depth > DEEPEST {
            return Err(Wrong::Deep.into());
        }
        let plan = self.plan;
        let complex = plan.complex(id);
        let base = self.slots.len();
        self.slots.resize(base + complex.slots(), Given::Nothing);
        if let Some(node) = node {
            self.collect(complex, base, node, bound.map(|(_, taken)| taken))?;
        }
        if let Some((overlay, _)) = bound {
            self.bind(complex, base, overlay)?;
        }
        self.out.extend_from_slice(&element.tag.open);
        for (at, attribute) in complex.attributes.iter().enumerate() {
            self.attribute(attribute, base + at)?;
        }
        self.out.push(b'>');
        match &complex.body {
            Body::Empty => {}
            Body::Text(text) => {
                let given = self.slots[base + complex.text_slot()];
                let text = self.simple(*text, given, "value")?.ok_or_else(|| Refused::from(Wrong::Missing).inside("value"))?;
                push_text(&mut self.out, &text).map_err(|rule| Refused::from(Wrong::Rule(rule)).inside("value"))?;
            }
            Body::All { particle } | Body::Elements { particle, .. } => self.particle(complex, base, particle, depth)?,
        }
        self.out.extend_from_slice(&element.tag.close);
        self.slots.truncate(base);
        Ok(())
    }

    fn collect(&mut self, complex: &Complex, base: usize, node: Node<'c>, taken: Option<&Taken>) -> Result<(), Refused> {
        if node.kind() != Kind::Object {
            return Err(Wrong::Object.into());
        }
        let mut guess = 0;
        for (name, value) in node.members() {
            let name = name.as_str().unwrap_or_default();
            if let Some(slot) = complex.slot(name, guess) {
                self.slots[base + slot] = Given::Json(value);
                guess = slot + 1;
            } else if !taken.is_some_and(|taken| taken.members.iter().any(|(known, _)| &**known == name)) {
                return Err(Refused::from(Wrong::Unknown).inside(name));
            }
        }
        Ok(())
    }

    fn bind(&mut self, complex: &Complex, base: usize, overlay: &'c Overlay) -> Result<(), Refused> {
        for (slot, fill) in &overlay.0 {
            let element = slot.checked_sub(complex.attributes.len()).and_then(|at| complex.elements.get(at));
            let array = element.is_some_and(|element| element.array);
            let found = self.slots[base + slot];
            self.slots[base + slot] = self.given(fill, array, found).map_err(|refused| refused.inside(complex.slot_name(*slot)))?;
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &'c Attribute, slot: usize) -> Result<(), Refused> {
        let inside = |refused: Refused| refused.inside(&attribute.name);
        let given = self.slots[slot];
        let text = match self.simple(attribute.content, given, &attribute.name)? {
            Some(text) => text,
            None if !attribute.required => return Ok(()),
            None => match &attribute.fixed {
                Some(fixed) => Cow::Borrowed(&**fixed),
                None => return Err(inside(Wrong::Missing.into())),
            },
        };
        if attribute.fixed.as_deref().is_some_and(|fixed| fixed != text) {
            return Err(inside(Wrong::Rule(crate::plan::Rule::Fixed).into()));
        }
        self.out.extend_from_slice(&attribute.open);
        push_attribute(&mut self.out, &text).map_err(|rule| inside(Wrong::Rule(rule).into()))?;
        self.out.push(b'"');
        Ok(())
    }

    /// The text given for an attribute or for the text of a type; `null` counts as not given.
    fn simple(&self, id: SimpleId, given: Given<'c>, name: &str) -> Result<Option<Cow<'c, str>>, Refused> {
        match given {
            Given::Json(node) if node.is_null() => Ok(None),
            Given::Json(node) => self.plan.text(id, node).map(Some).map_err(|rule| Refused::from(Wrong::Rule(rule)).inside(name)),
            Given::Text(text, source) => {
                let settled = self.plan.settled(id, Cow::Borrowed(text));
                settled.map(Some).map_err(|rule| Refused::of_source(Wrong::Rule(rule), source))
            }
            Given::Nothing | Given::Texts(_) | Given::Inside(..) => Ok(None),
        }
    }

    fn particle(&mut self, complex: &'c Complex, base: usize, particle: &Particle, depth: usize) -> Result<(), Refused> {
        match particle {
            Particle::Element(place) => self.place(complex, base, *place, depth),
            Particle::Sequence(group) | Particle::All(group) => {
                if group.optional && !group.elements.iter().any(|&at| self.present(complex, base, at)) {
                    return Ok(());
                }
                group.items.iter().try_for_each(|item| self.particle(complex, base, item, depth))
            }
            Particle::Choice(group) => match self.branch(complex, base, group)? {
                Some(item) => self.particle(complex, base, item, depth),
                None => Ok(()),
            },
        }
    }

    /// The branch that holds everything given for a choice.
    fn branch<'g>(&self, complex: &Complex, base: usize, group: &'g Group) -> Result<Option<&'g Particle>, Refused> {
        let given = group.elements.iter().copied().filter(|&at| self.present(complex, base, at));
        let none = given.clone().next().is_none();
        if none && (group.optional || group.items.iter().any(Particle::nullable)) {
            return Ok(None);
        }
        let holds = |item: &&Particle| !none && given.clone().all(|at| item.holds(at));
        let complete = |item: &&Particle| item.complete(|at| given.clone().any(|found| found == at));
        // Where no branch is complete, the one that holds everything given says which member it misses.
        let found = group.items.iter().find(|item| holds(item) && complete(item)).or_else(|| group.items.iter().find(holds));
        found.map(Some).ok_or_else(|| {
            let names = group.elements.iter().map(|&at| format!("`{}`", complex.elements[usize::from(at)].name));
            Wrong::Branches(names.collect::<Vec<_>>().join(", ")).into()
        })
    }

    /// Whether anything is to be written for an element. `null` where it cannot be said, and an array without items, are
    /// nothing.
    fn present(&self, complex: &Complex, base: usize, element: u16) -> bool {
        match self.slots[base + complex.element_slot(element)] {
            Given::Nothing => false,
            Given::Json(node) if node.is_null() => complex.elements[usize::from(element)].nillable,
            Given::Json(node) => node.kind() != Kind::Array || !node.is_empty(),
            Given::Text(..) | Given::Texts(_) | Given::Inside(..) => true,
        }
    }

    fn place(&mut self, complex: &'c Complex, base: usize, place: Use, depth: usize) -> Result<(), Refused> {
        let element = &complex.elements[usize::from(place.element)];
        let given = self.slots[base + complex.element_slot(place.element)];
        self.given_place(element, given, place, depth).map_err(|refused| refused.inside(&element.name))
    }

    fn given_place(&mut self, element: &'c Element, given: Given<'c>, place: Use, depth: usize) -> Result<(), Refused> {
        match given {
            Given::Json(node) if element.array && !node.is_null() => self.array(element, node, place, depth),
            Given::Json(node) if node.is_null() && (element.array || !element.nillable) => match place.min {
                0 => Ok(()),
                _ => Err(Wrong::Null.into()),
            },
            Given::Json(node) => self.value(element, node, depth + 1),
            Given::Text(text, source) => self.parameter(element, text, source),
            Given::Texts(source @ Source::Query(name)) => {
                let call = self.call;
                let count = call.parameters.query(name).count();
                check_count(count, place).map_err(|wrong| Refused::of_source(wrong, source))?;
                call.parameters.query(name).try_for_each(|text| self.parameter(element, text, source))
            }
            Given::Inside(overlay, node) => match element.content {
                TypeRef::Complex(id) => self.complex(element, id, node, Some((overlay, NOTHING_TAKEN)), depth + 1),
                TypeRef::Simple(_) => Err(Wrong::Object.into()),
            },
            Given::Nothing | Given::Texts(_) => match (&element.fixed, place.min) {
                (_, 0) => Ok(()),
                (Some(fixed), _) => self.scalar(element, fixed),
                (None, _) => Err(Wrong::Missing.into()),
            },
        }
    }

    fn array(&mut self, element: &'c Element, node: Node<'c>, place: Use, depth: usize) -> Result<(), Refused> {
        if node.kind() != Kind::Array {
            return Err(Wrong::Array.into());
        }
        check_count(node.len(), place)?;
        for (at, item) in node.items().enumerate() {
            let written = if item.is_null() && !element.nillable { Err(Wrong::Null.into()) } else { self.value(element, item, depth + 1) };
            written.map_err(|refused| refused.inside(&at.to_string()))?;
        }
        Ok(())
    }

    fn parameter(&mut self, element: &Element, text: &str, source: &Source) -> Result<(), Refused> {
        let TypeRef::Simple(id) = element.content else { return Err(Refused::of_source(Wrong::Object, source)) };
        let of_source = |rule| Refused::of_source(Wrong::Rule(rule), source);
        let text = self.plan.settled(id, Cow::Borrowed(text)).map_err(of_source)?;
        self.scalar(element, &text).map_err(|refused| refused.about(source))
    }
}

static NOTHING_TAKEN: &Taken = &Taken { whole: false, members: Vec::new() };

fn check_count(count: usize, place: Use) -> Result<(), Wrong> {
    if count < place.min as usize {
        return Err(Wrong::TooFew(place.min));
    }
    if place.max != u32::MAX && count > place.max as usize {
        return Err(Wrong::TooMany(place.max));
    }
    Ok(())
}
