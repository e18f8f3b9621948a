use std::sync::Arc;

use super::draft::Draft;
use super::{Compiler, Component, Symbol, refuse};
use crate::plan::{Group, Particle, Use, XSD};
use crate::source::Element;

/// How often a particle may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Occurs {
    min: u32,
    max: u32,
}

impl Compiler<'_> {
    /// A particle of a content model. `choice` says that it stands in a choice, however far out.
    pub(super) fn particle(
        &mut self,
        draft: &mut Draft,
        element: &Arc<Element>,
        document: usize,
        choice: bool,
        depth: usize,
    ) -> Option<Particle> {
        let occurs = draft.keep(occurs(element)).filter(|occurs| occurs.max > 0)?;
        if depth > 100 {
            draft.faults.push(element.fault("this group holds itself, or nests too deeply"));
            return None;
        }
        match &*element.name.local {
            "element" => self.place(draft, element, document, choice, occurs),
            "group" => {
                let name = element.attr("ref")?;
                let group = self.schemas.qname(name, element, document);
                let group = group.and_then(|name| self.schemas.find(Symbol::Group, &name, element));
                let Component { element: group, document } = draft.keep(group)?;
                let inner = group.children_of(XSD).find(|child| matches!(&*child.name.local, "sequence" | "choice" | "all"))?;
                let inner = self.particle(draft, inner, document, choice, depth + 1)?;
                let once = occurs == Occurs { min: 1, max: 1 };
                if once { Some(inner) } else { repeat(draft, element, vec![inner], occurs, Particle::Sequence) }
            }
            "any" => {
                draft.faults.push(refuse(element, "`xs:any`", "leave the operations that need it out of the contract"));
                None
            }
            kind @ ("sequence" | "choice" | "all") => {
                let inside = choice || kind == "choice";
                let children = element.children_of(XSD).filter(|child| &*child.name.local != "annotation");
                let items: Vec<Particle> = children.filter_map(|child| self.particle(draft, child, document, inside, depth + 1)).collect();
                match kind {
                    "choice" => repeat(draft, element, items, occurs, Particle::Choice),
                    "all" => repeat(draft, element, items, occurs, Particle::All),
                    _ => {
                        once(draft, element, &items);
                        repeat(draft, element, items, occurs, Particle::Sequence)
                    }
                }
            }
            other => {
                draft.faults.push(refuse(element, &format!("`xs:{other}` in a content model"), "it is not of XML Schema 1.0"));
                None
            }
        }
    }

    fn place(&mut self, draft: &mut Draft, element: &Arc<Element>, document: usize, choice: bool, occurs: Occurs) -> Option<Particle> {
        let compiled = self.local(element, document);
        let mut compiled = draft.keep(compiled)?;
        compiled.array = occurs.max > 1;
        compiled.optional_branch = choice;
        match draft.element(compiled) {
            Ok(at) => Some(Particle::Element(Use { element: at, min: occurs.min, max: occurs.max })),
            Err(construct) => {
                draft.faults.push(refuse(element, construct, "one JSON member cannot hold both"));
                None
            }
        }
    }
}

/// In a sequence a name stands at one place: at two, one JSON member would have to remember which.
pub(super) fn once(draft: &mut Draft, at: &Element, items: &[Particle]) {
    let mut seen = std::collections::HashSet::new();
    for name in items.iter().flat_map(Particle::elements).collect::<Vec<_>>() {
        if !seen.insert(name) {
            let name = draft.elements[usize::from(name)].name.clone();
            let construct = format!("the element `{name}` at two places of one sequence");
            draft.faults.push(refuse(at, &construct, "one JSON member cannot hold both"));
        }
    }
}

fn repeat(draft: &mut Draft, at: &Element, items: Vec<Particle>, occurs: Occurs, make: fn(Group) -> Particle) -> Option<Particle> {
    if items.is_empty() {
        return None;
    }
    if occurs.max == 1 {
        return Some(make(Group::new(items, occurs.min == 0)));
    }
    // A repeated group of one element is that element, repeated.
    if let [Particle::Element(Use { element, min: 1, max: 1 })] = items[..] {
        draft.elements[usize::from(element)].array = true;
        return Some(Particle::Element(Use { element, min: occurs.min, max: occurs.max }));
    }
    let construct = format!("a repeated `xs:{}`", at.name.local);
    draft.faults.push(refuse(at, &construct, "arrays of its elements would lose their order"));
    None
}

fn occurs(element: &Element) -> Result<Occurs, adapter_api::document::Fault> {
    let number = |name: &str, text: &str| text.parse().map_err(|_| element.fault(format!("`{name}` should be a whole number")));
    let min = element.attr("minOccurs").map_or(Ok(1), |text| number("minOccurs", text))?;
    let max = match element.attr("maxOccurs") {
        None => 1,
        Some("unbounded") => u32::MAX,
        Some(text) => number("maxOccurs", text)?,
    };
    if min > max { Err(element.fault("`minOccurs` is greater than `maxOccurs`")) } else { Ok(Occurs { min, max }) }
}
