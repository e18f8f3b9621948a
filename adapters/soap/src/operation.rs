//! One operation of the contract, bound to one of the WSDL: everything that can be settled before a call comes.

use adapter_api::Pointer;
use http::HeaderMap;

use crate::plan::{Element, Space};
use crate::wsdl::SoapVersion;

/// A compiled operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) version: SoapVersion,
    /// `Content-Type`, `SOAPAction`, `Accept`.
    pub(crate) headers: HeaderMap,
    /// The envelope up to the content of its body, namespaces and constant headers included.
    pub(crate) prologue: Box<[u8]>,
    pub(crate) epilogue: &'static [u8],
    pub(crate) input: Option<Input>,
    pub(crate) output: Output,
    /// Header blocks that an answer may mark as mandatory, because the description has them.
    pub(crate) understood: Vec<(Space, Box<str>)>,
    pub(crate) faults: Vec<DeclaredFault>,
    /// Rules for faults by the local name of their detail, subcode or code.
    pub(crate) fault_rules: Vec<(Box<str>, Refusal)>,
    pub(crate) error_when: Option<ErrorWhen>,
}

/// The content of the request.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) element: Element,
    /// What is bound to places in it.
    pub(crate) overlay: Overlay,
    /// Whether the members of the JSON body are the children of the element.
    pub(crate) from_body: bool,
    /// Which values of the body lines of the mapping take.
    pub(crate) taken: Taken,
}

/// Values that do not come with the JSON body's own structure, by slot of a type.
#[derive(Debug, Default)]
pub(crate) struct Overlay(pub(crate) Vec<(usize, Fill)>);

/// What is put at one place.
#[derive(Debug)]
pub(crate) enum Fill {
    Value(Source),
    Inside(Overlay),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Path(Box<str>),
    Query(Box<str>),
    Body(Pointer),
}

/// The values of a body that are bound one by one, as a tree of their pointers.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) whole: bool,
    pub(crate) members: Vec<(Box<str>, Taken)>,
}

/// The content of the answer.
#[derive(Debug)]
pub(crate) enum Output {
    /// The operation is one-way: nothing is answered.
    OneWay,
    /// The body is empty.
    Empty,
    /// The body holds this element.
    Element {
        element: Element,
        /// The member that alone is answered.
        unwrap: Option<u16>,
    },
}

/// A fault that the description declares.
#[derive(Debug)]
pub(crate) struct DeclaredFault {
    pub(crate) space: Space,
    pub(crate) local: Box<str>,
    /// Its detail, where it can be read as JSON.
    pub(crate) element: Option<Element>,
}

/// The problem that a fault becomes, as far as the mapping says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) status: Option<u16>,
    pub(crate) kind: Option<Box<str>>,
    pub(crate) title: Option<Box<str>>,
}

/// An answer whose content says that it failed.
#[derive(Debug)]
pub(crate) struct ErrorWhen {
    pub(crate) path: Box<[Box<str>]>,
    pub(crate) equals: Box<str>,
    pub(crate) refusal: Refusal,
}

impl Taken {
    /// Marks a pointer. False where it overlaps with one already marked.
    pub(crate) fn mark(&mut self, steps: &[Box<str>]) -> bool {
        let Some((first, rest)) = steps.split_first() else {
            let free = !self.whole && self.members.is_empty();
            self.whole = true;
            return free;
        };
        if self.whole {
            return false;
        }
        if let Some((_, known)) = self.members.iter_mut().find(|(name, _)| name == first) {
            return known.mark(rest);
        }
        let mut taken = Self::default();
        let free = taken.mark(rest);
        self.members.push((first.clone(), taken));
        free
    }
}
