use adapter_api::Step;
use adapter_api::document::{Fault, Place};
use adapter_api::{OperationSpec, Pointer};

use crate::mapping::{Line, OperationMapping};
use crate::operation::{Fill, Input, Overlay, Source, Taken};
use crate::plan::{Complex, Element, Plan, TypeRef};

/// Binds parameters and parts of the body to places in the request's content.
pub(super) fn input(
    plan: &Plan,
    spec: &OperationSpec,
    mapped: Option<&OperationMapping>,
    place: &Place,
    element: Option<Element>,
    faults: &mut Vec<Fault>,
) -> Option<Input> {
    let lines = mapped.map(|mapped| mapped.request.as_slice()).unwrap_or_default();
    let Some(element) = element else {
        for line in lines.iter().filter(|line| line.target.is_some()) {
            faults.push(Fault::error(line.place.clone(), "the request of this operation has an empty body"));
        }
        return None;
    };
    let by_pointer = lines.iter().any(|line| line.source.starts_with("body:"));
    let body = lines.iter().find(|line| line.source == "body");
    let from_body = body.map_or(!by_pointer, |line| line.target.as_deref() == Some("."));
    let mut binding = Binding { plan, element: &element, overlay: Overlay::default(), taken: Taken::default(), from_body, faults };
    for line in lines {
        binding.line(spec, line);
    }
    binding.parameters(spec, lines, place);
    let (overlay, taken) = (binding.overlay, binding.taken);
    Some(Input { element, overlay, from_body, taken })
}

struct Binding<'a> {
    plan: &'a Plan,
    element: &'a Element,
    overlay: Overlay,
    taken: Taken,
    from_body: bool,
    faults: &'a mut Vec<Fault>,
}

/// A place in the content: the slots that lead to it, and what stands there.
struct Target<'a> {
    slots: Vec<usize>,
    /// The element there; none for an attribute or a text.
    element: Option<&'a Element>,
}

impl Binding<'_> {
    fn fault(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Fault::error(place.clone(), message).hint(hint));
    }

    fn line(&mut self, spec: &OperationSpec, line: &Line) {
        let Some(source) = self.source(spec, line) else { return };
        let Some(target) = &line.target else {
            if let Source::Body(pointer) = &source {
                self.take(pointer, line);
            }
            return;
        };
        if line.source == "body" && target == "." {
            return;
        }
        if let Source::Body(pointer) = &source {
            self.take(pointer, line);
        }
        match find(self.plan, self.element, target) {
            Err(why) => {
                let hint = format!("paths lead from `{}` to an element, as `a.b` or `a.@attribute`", self.element.name);
                self.fault(&line.place, why, hint);
            }
            Ok(found) => self.place(source, &found, &line.place),
        }
    }

    fn source(&mut self, spec: &OperationSpec, line: &Line) -> Option<Source> {
        let known = |names: &[std::sync::Arc<str>]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let (names, name, make): (_, _, fn(Box<str>) -> Source) = match line.source.split_once(['.', ':']) {
            Some(("path", name)) => (&spec.path_parameters, name, Source::Path),
            Some(("query", name)) => (&spec.query_parameters, name, Source::Query),
            Some(("body", text)) if line.source.starts_with("body:") => {
                return match Pointer::parse(text) {
                    Ok(pointer) if !pointer.steps().contains(&Step::Every) => Some(Source::Body(pointer)),
                    Ok(_) => {
                        self.fault(&line.place, "a pointer here names one value, without `*`", "bind the whole array");
                        None
                    }
                    Err(error) => {
                        self.fault(&line.place, error.to_string(), "for example `body:/criteri/codiceFiscale`");
                        None
                    }
                };
            }
            None if line.source == "body" => return Pointer::parse("").ok().map(Source::Body),
            _ => {
                let message = format!("`{}` names no source", line.source);
                self.fault(&line.place, message, "sources are `path.NAME`, `query.NAME`, `body` and `body:/pointer`");
                return None;
            }
        };
        if !names.iter().any(|known| &**known == name) {
            let list = if names.is_empty() { "none".into() } else { known(names) };
            self.fault(&line.place, format!("the contract's operation has no such parameter `{name}`"), format!("it has {list}"));
            return None;
        }
        Some(make(name.into()))
    }

    fn take(&mut self, pointer: &Pointer, line: &Line) {
        let steps: Vec<Box<str>> =
            pointer.steps().iter().filter_map(|step| if let Step::Member(name) = step { Some(name.clone()) } else { None }).collect();
        if self.from_body && steps.len() != 1 {
            self.fault(
                &line.place,
                "beside `body: .` only a member of the body itself can be bound",
                "bind every member with `body:/…` and leave `body: .` out",
            );
        } else if !self.taken.mark(&steps) {
            self.fault(&line.place, "this value of the body is bound twice", "one value goes to one place");
        }
    }

    fn place(&mut self, source: Source, target: &Target<'_>, place: &Place) {
        let simple = target.element.is_none_or(|element| matches!(element.content, TypeRef::Simple(_)));
        let array = target.element.is_some_and(|element| element.array);
        let wrong = match source {
            Source::Path(_) | Source::Query(_) if !simple => Some("a parameter holds a text, but this element holds elements"),
            Source::Path(_) if array => Some("a path parameter is one value, but this element is repeated"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.fault(place, wrong, "bind it to an element that holds one text");
        } else if !put(&mut self.overlay, &target.slots, source) {
            self.fault(place, "another line is bound to the same place", "one place takes one value");
        }
    }

    /// Parameters that no line names go to the child of their name. A parameter without a place would be dropped.
    fn parameters(&mut self, spec: &OperationSpec, lines: &[Line], place: &Place) {
        let path = spec.path_parameters.iter().map(|name| ("path", name, Source::Path(name.as_ref().into())));
        let query = spec.query_parameters.iter().map(|name| ("query", name, Source::Query(name.as_ref().into())));
        for (kind, name, source) in path.chain(query).collect::<Vec<_>>() {
            let key = format!("{kind}.{name}");
            if lines.iter().any(|line| line.source == key) {
                continue;
            }
            if let Ok(target) = find(self.plan, self.element, name) {
                self.place(source, &target, place);
            } else {
                let message = format!("the {kind} parameter `{name}` of `{}` has no place in the request", spec.id);
                self.fault(place, message, format!("name one with `request: {{ {key}: … }}`, or `null` to leave it out"));
            }
        }
    }
}

fn put(overlay: &mut Overlay, slots: &[usize], source: Source) -> bool {
    let Some((&first, rest)) = slots.split_first() else { return false };
    let at = overlay.0.iter().position(|(slot, _)| *slot == first);
    match (at, rest.is_empty()) {
        (Some(_), true) => false,
        (None, true) => {
            overlay.0.push((first, Fill::Value(source)));
            true
        }
        (None, false) => {
            let mut inner = Overlay::default();
            let free = put(&mut inner, rest, source);
            overlay.0.push((first, Fill::Inside(inner)));
            free
        }
        (Some(at), false) => match &mut overlay.0[at].1 {
            Fill::Inside(inner) => put(inner, rest, source),
            Fill::Value(_) => false,
        },
    }
}

/// Follows a path below an element. Names may hold dots themselves, so that the longest member that fits is taken.
fn find<'a>(plan: &'a Plan, root: &'a Element, path: &str) -> Result<Target<'a>, String> {
    let mut slots = Vec::new();
    let mut element = Some(root);
    let mut rest = path;
    while !rest.is_empty() {
        let Some(holder) = element else { return Err("an attribute holds no elements".to_owned()) };
        let TypeRef::Complex(id) = holder.content else { return Err(format!("`{}` holds no elements", holder.name)) };
        if !slots.is_empty() && holder.array {
            return Err(format!("`{}` is repeated: a path cannot lead through it", holder.name));
        }
        let complex = plan.complex(id);
        let (slot, length) = longest(complex, rest).ok_or_else(|| {
            let names = (0..complex.slots()).map(|slot| format!("`{}`", complex.slot_name(slot))).collect::<Vec<_>>().join(", ");
            format!("`{}` has no `{}`, but {names}", holder.name, rest.split('.').next().unwrap_or_default())
        })?;
        slots.push(slot);
        element = slot.checked_sub(complex.attributes.len()).and_then(|at| complex.elements.get(at));
        rest = rest[length..].strip_prefix('.').unwrap_or_default();
    }
    if slots.is_empty() { Err("a path of elements is needed".to_owned()) } else { Ok(Target { slots, element }) }
}

fn longest(complex: &Complex, rest: &str) -> Option<(usize, usize)> {
    let ends = rest.match_indices('.').map(|(at, _)| at).chain([rest.len()]);
    let ends: Vec<usize> = ends.collect();
    ends.into_iter().rev().find_map(|end| {
        let name = &rest[..end];
        let slot = complex.slot(name, usize::MAX).or_else(|| complex.slot(name.strip_prefix('@')?, usize::MAX));
        slot.map(|slot| (slot, end))
    })
}
