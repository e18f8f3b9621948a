use super::{Automaton, SimpleId, Space, TypeRef};

/// A complex type: attributes, and either a text or elements.
#[derive(Debug, Default)]
pub(crate) struct Complex {
    /// Its name in the schema, which `xsi:type` may repeat; none for an anonymous type.
    pub(crate) name: Option<(Space, Box<str>)>,
    pub(crate) attributes: Vec<Attribute>,
    /// Attributes that the schema leaves open are skipped.
    pub(crate) any_attribute: bool,
    /// The elements, each name once, in the order of the schema.
    pub(crate) elements: Vec<Element>,
    pub(crate) body: Body,
    /// The JSON members, sorted by name.
    pub(crate) members: Vec<(Box<str>, Slot)>,
    /// The elements that are written as `[]` where an answer has none.
    pub(crate) arrays: Box<[u16]>,
}

/// What stands between the tags of a complex type.
#[derive(Debug, Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    /// A text, the member `value` in JSON.
    Text(SimpleId),
    /// Every element at most once, in any order (`xs:all`).
    All { particle: Particle },
    /// Elements in an order.
    Elements { particle: Particle, automaton: Automaton },
}

/// Where a JSON member goes: attributes first, then elements, then the text. One number, so that a writer collects the
/// members of an object in one flat list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u16);

/// An element as a member of a type, or as the content of a message.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) space: Space,
    /// The local name, which is the JSON member's too.
    pub(crate) name: Box<str>,
    pub(crate) tag: Tag,
    pub(crate) content: TypeRef,
    pub(crate) nillable: bool,
    /// What an empty element stands for.
    pub(crate) default: Option<Box<str>>,
    /// The only value, sent by the gateway where the element is required.
    pub(crate) fixed: Option<Box<str>>,
    /// Repeatable somewhere in the type: an array in JSON, always.
    pub(crate) array: bool,
    /// Stands in a choice, so that its absence says something and is not written as `[]`.
    pub(crate) optional_branch: bool,
}

/// The tags of an element as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    /// `<n1:nome`, without its `>`.
    pub(crate) open: Box<[u8]>,
    /// `</n1:nome>`
    pub(crate) close: Box<[u8]>,
    /// `"nome":`, as it is written before a value in JSON.
    pub(crate) key: Box<[u8]>,
}

impl Tag {
    pub(crate) fn new(prefix: &str, local: &str) -> Self {
        let name = if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") };
        Self { open: format!("<{name}").into_bytes().into(), close: format!("</{name}>").into_bytes().into(), key: json_key(local) }
    }
}

pub(super) fn json_key(name: &str) -> Box<[u8]> {
    let mut key = Vec::new();
    adapter_api::json::push_string(&mut key, name);
    key.push(b':');
    key.into()
}

/// An attribute.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) space: Space,
    pub(crate) local: Box<str>,
    /// The JSON member: the local name, with `@` before it where an element has the same.
    pub(crate) name: Box<str>,
    /// ` n1:nome="`, as it is written.
    pub(crate) open: Box<[u8]>,
    /// `"nome":`
    pub(crate) key: Box<[u8]>,
    pub(crate) content: SimpleId,
    pub(crate) required: bool,
    pub(crate) prohibited: bool,
    pub(crate) default: Option<Box<str>>,
    pub(crate) fixed: Option<Box<str>>,
}

impl Attribute {
    /// Gives the attribute its JSON member.
    pub(crate) fn rename(&mut self, name: String) {
        self.key = json_key(&name);
        self.name = name.into();
    }
}

/// How elements follow each other.
#[derive(Debug, Clone)]
pub(crate) enum Particle {
    Element(Use),
    Sequence(Group),
    Choice(Group),
    All(Group),
}

/// An element at one place of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    /// The index in [`Complex::elements`].
    pub(crate) element: u16,
    pub(crate) min: u32,
    /// `u32::MAX` where there is no bound.
    pub(crate) max: u32,
}

/// Particles that stand together, at most once.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) items: Box<[Particle]>,
    /// The group may be absent.
    pub(crate) optional: bool,
    /// The elements in it.
    pub(crate) elements: Box<[u16]>,
    /// The elements that must be there when the group is.
    pub(crate) required: Box<[u16]>,
}

impl Particle {
    /// The elements in it.
    pub(crate) fn elements(&self) -> Vec<u16> {
        match self {
            Self::Element(place) => vec![place.element],
            Self::Sequence(group) | Self::Choice(group) | Self::All(group) => group.elements.to_vec(),
        }
    }

    /// Whether an element stands in it.
    pub(crate) fn holds(&self, element: u16) -> bool {
        match self {
            Self::Element(place) => place.element == element,
            Self::Sequence(group) | Self::Choice(group) | Self::All(group) => group.elements.contains(&element),
        }
    }

    /// Whether everything that must be there is given.
    pub(crate) fn complete(&self, given: impl Fn(u16) -> bool) -> bool {
        match self {
            Self::Element(place) => place.min == 0 || given(place.element),
            Self::Sequence(group) | Self::All(group) => group.optional || group.required.iter().all(|&at| given(at)),
            Self::Choice(_) => true,
        }
    }

    /// The elements that must be there, whatever is chosen.
    pub(crate) fn required(&self) -> Vec<u16> {
        match self {
            Self::Element(place) if place.min > 0 => vec![place.element],
            Self::Sequence(group) | Self::All(group) if !group.optional => group.required.to_vec(),
            _ => Vec::new(),
        }
    }

    /// Whether nothing at all satisfies it.
    pub(crate) fn nullable(&self) -> bool {
        match self {
            Self::Element(place) => place.min == 0,
            Self::Sequence(group) | Self::All(group) => group.optional || group.items.iter().all(Self::nullable),
            Self::Choice(group) => group.optional || group.items.iter().any(Self::nullable),
        }
    }
}

impl Group {
    pub(crate) fn new(items: Vec<Particle>, optional: bool) -> Self {
        let mut elements: Vec<u16> = items.iter().flat_map(Particle::elements).collect();
        elements.sort_unstable();
        elements.dedup();
        let required = items.iter().flat_map(Particle::required).collect();
        Self { items: items.into(), optional, elements: elements.into(), required }
    }
}

impl Complex {
    /// The slots that a JSON object of this type fills.
    pub(crate) fn slots(&self) -> usize {
        self.attributes.len() + self.elements.len() + usize::from(matches!(self.body, Body::Text(_)))
    }

    pub(crate) fn element_slot(&self, element: u16) -> usize {
        self.attributes.len() + usize::from(element)
    }

    /// The slot of the text.
    pub(crate) fn text_slot(&self) -> usize {
        self.attributes.len() + self.elements.len()
    }

    /// The name of what stands in a slot.
    pub(crate) fn slot_name(&self, slot: usize) -> &str {
        match (self.attributes.get(slot), slot.checked_sub(self.attributes.len()).and_then(|at| self.elements.get(at))) {
            (Some(attribute), _) => &attribute.name,
            (None, Some(element)) => &element.name,
            (None, None) => "value",
        }
    }

    /// The slot of a JSON member. `guess` is where it stands if the caller keeps the schema's order.
    pub(crate) fn slot(&self, name: &str, guess: usize) -> Option<usize> {
        if guess < self.slots() && self.slot_name(guess) == name {
            return Some(guess);
        }
        let at = self.members.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(usize::from(self.members[at].1.0))
    }

    /// Sorts the names of the members, once all of them are known.
    pub(crate) fn index(&mut self) {
        let mut members: Vec<_> = (0..self.slots()).map(|slot| (self.slot_name(slot).into(), Slot(slot as u16))).collect();
        members.sort();
        self.members = members;
        let always = |at: &u16| self.elements.get(usize::from(*at)).is_some_and(|element| element.array && !element.optional_branch);
        self.arrays = (0..self.elements.len() as u16).filter(always).collect();
    }
}
