//! From calls to envelopes, by walking the plan.

mod complex;
mod escape;
mod wrong;

use adapter_api::Step;
use adapter_api::json::{Kind, Node};
use adapter_api::{Body, Call};

use crate::operation::{Fill, Input, Operation, Overlay, Source, Taken};
use crate::plan::{Element, Plan, Rule, TypeRef};

pub(crate) use escape::{push_attribute, push_text};
pub(crate) use wrong::{Refused, Wrong};

/// How deep elements may nest in what is sent: the same as in what is read.
const DEEPEST: usize = 60;

/// Writes one envelope.
pub(crate) struct Writer<'c> {
    plan: &'c Plan,
    call: &'c Call,
    body: Option<Node<'c>>,
    out: Vec<u8>,
    /// The members of every object that is being written, one after the other.
    slots: Vec<Given<'c>>,
}

/// What is given for one place.
#[derive(Clone, Copy)]
enum Given<'c> {
    Nothing,
    Json(Node<'c>),
    /// A path parameter, or the single value of a query parameter.
    Text(&'c str, &'c Source),
    /// A query parameter that may stand several times.
    Texts(&'c Source),
    /// Bound values further in, and what the body has here.
    Inside(&'c Overlay, Option<Node<'c>>),
}

/// The envelope that asks the upstream for a call.
pub(crate) fn envelope(plan: &Plan, operation: &Operation, call: &Call) -> Result<Vec<u8>, Refused> {
    let body = match &call.body {
        Body::Empty => None,
        Body::Json(json) => Some(json.root()),
        Body::Bytes(bytes) if bytes.is_empty() => None,
        Body::Bytes(_) | Body::Streamed => return Err(Wrong::MediaType.into()),
    };
    let size = operation.prologue.len() + call.body.json().map_or(0, |json| json.bytes().len() * 2) + 512;
    let mut writer = Writer { plan, call, body, out: Vec::with_capacity(size), slots: Vec::with_capacity(64) };
    writer.out.extend_from_slice(&operation.prologue);
    match &operation.input {
        Some(input) => writer.input(input)?,
        None => check_taken(body, &Taken::default())?,
    }
    writer.out.extend_from_slice(operation.epilogue);
    Ok(writer.out)
}

impl<'c> Writer<'c> {
    fn input(&mut self, input: &'c Input) -> Result<(), Refused> {
        if !input.from_body {
            check_taken(self.body, &input.taken)?;
        }
        let body = if input.from_body { self.body } else { None };
        match input.element.content {
            TypeRef::Complex(id) if !body.is_some_and(Node::is_null) => {
                self.complex(&input.element, id, body, Some((&input.overlay, &input.taken)), 1)
            }
            _ => match body {
                Some(body) => self.value(&input.element, body, 1),
                None => Err(Wrong::Missing.into()),
            },
        }
    }

    /// One element with its content.
    fn value(&mut self, element: &'c Element, node: Node<'c>, depth: usize) -> Result<(), Refused> {
        if node.is_null() && element.nillable {
            self.out.extend_from_slice(&element.tag.open);
            self.out.extend_from_slice(b" xsi:nil=\"true\"/>");
            return Ok(());
        }
        match element.content {
            TypeRef::Simple(id) => {
                let text = self.plan.text(id, node).map_err(Wrong::Rule)?;
                self.scalar(element, &text)
            }
            TypeRef::Complex(id) => self.complex(element, id, Some(node), None, depth),
        }
    }

    /// One element whose text is settled and checked.
    fn scalar(&mut self, element: &Element, text: &str) -> Result<(), Refused> {
        if element.fixed.as_deref().is_some_and(|fixed| fixed != text) {
            return Err(Wrong::Rule(Rule::Fixed).into());
        }
        self.out.extend_from_slice(&element.tag.open);
        self.out.push(b'>');
        push_text(&mut self.out, text).map_err(Wrong::Rule)?;
        self.out.extend_from_slice(&element.tag.close);
        Ok(())
    }

    /// What a line of the mapping gives, found in the call.
    fn given(&self, fill: &'c Fill, array: bool, found: Given<'c>) -> Result<Given<'c>, Refused> {
        let given = match fill {
            Fill::Inside(overlay) => {
                let node = match found {
                    Given::Json(node) => Some(node),
                    _ => None,
                };
                return Ok(if node.is_some() || self.any(overlay) { Given::Inside(overlay, node) } else { Given::Nothing });
            }
            Fill::Value(source @ Source::Path(name)) => {
                self.call.parameters.path(name).map_or(Given::Nothing, |text| Given::Text(text, source))
            }
            Fill::Value(source @ Source::Query(name)) => {
                let mut values = self.call.parameters.query(name);
                match (values.next(), values.next()) {
                    (None, _) => Given::Nothing,
                    (Some(_), _) if array => Given::Texts(source),
                    (Some(text), None) => Given::Text(text, source),
                    (Some(_), Some(_)) => return Err(Refused::of_source(Wrong::Repeated, source)),
                }
            }
            Fill::Value(Source::Body(pointer)) => self.pointed(pointer).map_or(Given::Nothing, Given::Json),
        };
        match (given, found) {
            (Given::Nothing, found) => Ok(found),
            (given, Given::Nothing) => Ok(given),
            _ => Err(Wrong::Twice.into()),
        }
    }

    fn pointed(&self, pointer: &adapter_api::Pointer) -> Option<Node<'c>> {
        pointer.steps().iter().try_fold(self.body?, |node, step| match step {
            Step::Member(name) => node.get(name),
            Step::Every => None,
        })
    }

    /// Whether any value bound in an overlay is there.
    fn any(&self, overlay: &'c Overlay) -> bool {
        overlay.0.iter().any(|(_, fill)| match fill {
            Fill::Inside(inner) => self.any(inner),
            Fill::Value(Source::Path(name)) => self.call.parameters.path(name).is_some(),
            Fill::Value(Source::Query(name)) => self.call.parameters.query(name).next().is_some(),
            Fill::Value(Source::Body(pointer)) => self.pointed(pointer).is_some(),
        })
    }
}

/// Refuses members of the body that no line of the mapping takes: nothing that a caller says is dropped in silence.
fn check_taken(body: Option<Node<'_>>, taken: &Taken) -> Result<(), Refused> {
    let Some(node) = body.filter(|_| !taken.whole) else { return Ok(()) };
    if node.kind() != Kind::Object {
        return Err(Wrong::Object.into());
    }
    for (name, value) in node.members() {
        let name = name.as_str().unwrap_or_default();
        let inner = taken.members.iter().find(|(known, _)| &**known == name);
        let (_, inner) = inner.ok_or_else(|| Refused::from(Wrong::Unknown).inside(name))?;
        check_taken(Some(value), inner).map_err(|refused| refused.inside(name))?;
    }
    Ok(())
}
