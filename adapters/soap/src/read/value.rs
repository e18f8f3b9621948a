use std::borrow::Cow;
use std::ops::Range;

use xml::{Cursor, Token, XmlError, is_blank};

use super::{ReadError, place};
use crate::plan::{Body, Complex, ComplexId, Element, Particle, Plan, Rule, START, SimpleId, Space, TypeRef};

/// Writes elements as JSON while they are read. Open elements stand in a list, not on the stack, because their depth is the
/// upstream's choice.
pub(super) struct Values<'p> {
    plan: &'p Plan,
    frames: Vec<Frame<'p>>,
    /// Which elements of each open type have come, as bits.
    seen: Vec<u64>,
    pub(super) out: Vec<u8>,
    /// The member of the outermost element that is wanted alone, and where its value stands.
    wanted: Option<u16>,
    pub(super) found: Option<Range<usize>>,
}

/// An element that is open.
struct Frame<'p> {
    element: &'p Element,
    complex: &'p Complex,
    /// Where its content stands in the automaton, and how often the element there has come.
    state: u16,
    count: u32,
    /// Where its bits begin.
    seen: usize,
    /// The array that is open, if one is.
    array: Option<u16>,
    /// Which item of an array this element is itself.
    item: Option<u32>,
}

impl<'p> Values<'p> {
    pub(super) fn new(plan: &'p Plan, wanted: Option<u16>, capacity: usize) -> Self {
        let out = Vec::with_capacity(capacity);
        Self { plan, frames: Vec::with_capacity(8), seen: Vec::with_capacity(8), out, wanted, found: None }
    }

    /// Reads the element that the cursor has just begun, to its end.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_, 'p>, root: &'p Element) -> Result<(), ReadError> {
        self.element(cursor, root, None)?;
        while !self.frames.is_empty() {
            match cursor.token()? {
                Token::Start(space, local) => self.child(cursor, space, local)?,
                Token::Text(text) => self.between(&text)?,
                Token::End => self.end()?,
                Token::Over => return Err(XmlError::Malformed.into()),
            }
        }
        if let (Some(_), None) = (self.wanted, &self.found) {
            self.found = Some(self.out.len()..self.out.len() + 4);
            self.out.extend_from_slice(b"null");
        }
        Ok(())
    }

    fn wrong(&self, detail: impl Into<String>, last: &str) -> ReadError {
        let frames = self.frames.iter().map(|frame| (&*frame.element.name, frame.item));
        ReadError::Content { detail: detail.into(), place: place::path(frames, last) }
    }

    fn broken(&self, rule: Rule, last: &str) -> ReadError {
        self.wrong(format!("the value {rule}"), last)
    }

    /// A child of the innermost open element has begun.
    fn child(&mut self, cursor: &mut Cursor<'_, 'p>, space: Space, local: &str) -> Result<(), ReadError> {
        let Some(frame) = self.frames.last_mut() else { return Err(XmlError::Malformed.into()) };
        let complex = frame.complex;
        if let Some(at) = frame.step(space, local, &self.seen) {
            let bit = frame.seen + usize::from(at) / 64;
            self.seen[bit] |= 1 << (at % 64);
            return self.element(cursor, &complex.elements[usize::from(at)], Some(at));
        }
        let known = complex.elements.iter().any(|element| element.space == space && &*element.name == local);
        if known {
            return Err(self.wrong("an element stands out of place, too often, or before one that is missing", local));
        }
        if self.plan.leniency.drop_unknown {
            return Ok(cursor.leave(cursor.depth() - 1)?);
        }
        Err(self.wrong("an element that the description does not know", local))
    }

    /// Reads the element that has just begun: to its end if it holds text, else into a frame. `at` is its index in the type
    /// around it; none for the outermost.
    fn element(&mut self, cursor: &mut Cursor<'_, 'p>, element: &'p Element, at: Option<u16>) -> Result<(), ReadError> {
        if !cursor.attributes().is_empty() && self.nil(cursor, element)? {
            self.begin(at);
            self.out.extend_from_slice(b"null");
            return self.nothing(cursor, &element.name);
        }
        match element.content {
            TypeRef::Simple(id) => {
                self.no_attributes(cursor, &element.name)?;
                let text = self.text(cursor, &element.name)?;
                if is_blank(&text) && element.default.is_none() && element.fixed.is_none() && self.absent(id) {
                    return Ok(());
                }
                self.begin(at);
                self.scalar(element, id, &text)
            }
            TypeRef::Complex(id) => self.complex(cursor, element, id, at),
        }
    }

    fn scalar(&mut self, element: &Element, id: SimpleId, text: &str) -> Result<(), ReadError> {
        let text = match (&element.fixed, &element.default) {
            (Some(value), _) | (None, Some(value)) if text.is_empty() => value,
            _ => text,
        };
        if element.fixed.as_deref().is_some_and(|fixed| fixed != self.plan.simple(id).settle(text)) {
            return Err(self.broken(Rule::Fixed, &element.name));
        }
        let written = self.plan.push_json(id, text, &mut self.out);
        written.map_err(|rule| self.broken(rule, &element.name))
    }

    fn complex(&mut self, cursor: &mut Cursor<'_, 'p>, element: &'p Element, id: ComplexId, at: Option<u16>) -> Result<(), ReadError> {
        let complex = self.plan.complex(id);
        self.begin(at);
        self.out.push(b'{');
        self.attributes(cursor, complex, &element.name)?;
        if let Body::Text(text) = complex.body {
            let value = self.text(cursor, &element.name)?;
            if !matches!(self.out.last(), Some(b'{')) {
                self.out.push(b',');
            }
            self.out.extend_from_slice(b"\"value\":");
            self.scalar(element, text, &value)?;
            self.out.push(b'}');
            return Ok(());
        }
        let item = at.filter(|&at| self.frames.last().is_some_and(|frame| frame.array == Some(at)));
        let item = item.and(self.frames.last()).map(|frame| frame.count);
        let seen = self.seen.len();
        self.seen.resize(seen + complex.elements.len().div_ceil(64), 0);
        self.frames.push(Frame { element, complex, state: START, count: 0, seen, array: None, item });
        Ok(())
    }

    /// Whether the element is nil, after its `xsi` attributes were looked at.
    fn nil(&self, cursor: &Cursor<'_, '_>, element: &Element) -> Result<bool, ReadError> {
        if let (Some(name), TypeRef::Complex(id)) = (cursor.attribute(Space::XSI, "type"), element.content) {
            let named = cursor.resolve(name).ok_or(XmlError::Prefix)?;
            let own = self.plan.complex(id).name.as_ref().map(|(space, local)| (*space, &**local));
            if own != Some(named) {
                return Err(self.wrong("an element names another type than the described one (`xsi:type`)", &element.name));
            }
        }
        match cursor.attribute(Space::XSI, "nil").map(str::trim) {
            Some("true" | "1") if element.nillable => Ok(true),
            Some("true" | "1") => Err(self.wrong("an element is nil that cannot be", &element.name)),
            _ => Ok(false),
        }
    }

    /// To the end of a nil element, which must hold nothing.
    fn nothing(&self, cursor: &mut Cursor<'_, '_>, name: &str) -> Result<(), ReadError> {
        match cursor.token()? {
            Token::End => Ok(()),
            _ => Err(self.wrong("an element is nil and has content", name)),
        }
    }

    fn absent(&self, id: SimpleId) -> bool {
        let builtin = self.plan.simple(id).builtin();
        let leniency = self.plan.leniency;
        builtin.is_some_and(|builtin| {
            leniency.empty_date_absent && builtin.is_date() || leniency.empty_number_absent && (builtin.is_decimal() || builtin.is_float())
        })
    }

    /// Writes what stands before a value: a comma, the name of the member, the brackets of arrays.
    fn begin(&mut self, at: Option<u16>) {
        let outermost = self.frames.len() == 1;
        let (Some(at), Some(frame)) = (at, self.frames.last_mut()) else { return };
        if frame.array == Some(at) {
            self.out.push(b',');
            return;
        }
        if frame.array.take().is_some() {
            self.out.push(b']');
        }
        let length = self.out.len();
        if let (true, Some(found)) = (outermost, &mut self.found) {
            found.end = found.end.min(length);
        }
        if !matches!(self.out.last(), Some(b'{')) {
            self.out.push(b',');
        }
        let element = &frame.complex.elements[usize::from(at)];
        self.out.extend_from_slice(&element.tag.key);
        if outermost && self.wanted == Some(at) {
            self.found = Some(self.out.len()..usize::MAX);
        }
        if element.array {
            self.out.push(b'[');
            frame.array = Some(at);
        }
    }

    /// The innermost open element ends.
    fn end(&mut self) -> Result<(), ReadError> {
        let Some(frame) = self.frames.last() else { return Err(XmlError::Malformed.into()) };
        if let Some(missing) = frame.missing(&self.seen) {
            return Err(self.wrong("an element is missing, or its content ends too early", missing));
        }
        let outermost = self.frames.len() == 1;
        let Some(frame) = self.frames.pop() else { return Err(XmlError::Malformed.into()) };
        if frame.array.is_some() {
            self.out.push(b']');
        }
        let length = self.out.len();
        if let (true, Some(found)) = (outermost, &mut self.found) {
            found.end = found.end.min(length);
        }
        for &at in &frame.complex.arrays {
            if self.seen[frame.seen + usize::from(at) / 64] & (1 << (at % 64)) == 0 {
                if !matches!(self.out.last(), Some(b'{')) {
                    self.out.push(b',');
                }
                self.out.extend_from_slice(&frame.complex.elements[usize::from(at)].tag.key);
                if outermost && self.wanted == Some(at) {
                    self.found = Some(self.out.len()..self.out.len() + 2);
                }
                self.out.extend_from_slice(b"[]");
            }
        }
        self.out.push(b'}');
        self.seen.truncate(frame.seen);
        Ok(())
    }

    fn between(&self, text: &str) -> Result<(), ReadError> {
        if is_blank(text) {
            return Ok(());
        }
        Err(self.wrong("text stands where only elements may", ""))
    }

    /// The text of an element, up to and with its end.
    fn text<'x>(&self, cursor: &mut Cursor<'x, '_>, name: &str) -> Result<Cow<'x, str>, ReadError> {
        match read_text(cursor) {
            Err(ReadError::Structure(detail)) => Err(self.wrong(detail, name)),
            other => other,
        }
    }

    fn no_attributes(&self, cursor: &Cursor<'_, '_>, name: &str) -> Result<(), ReadError> {
        let foreign = cursor.attributes().iter().any(|attribute| !matches!(attribute.space, Space::XSI | Space::XML));
        if foreign && !self.plan.leniency.drop_unknown {
            return Err(self.wrong("an attribute that the description does not know", name));
        }
        Ok(())
    }

    fn attributes(&mut self, cursor: &Cursor<'_, '_>, complex: &Complex, name: &str) -> Result<(), ReadError> {
        for found in cursor.attributes() {
            let known = complex.attributes.iter().any(|known| known.space == found.space && *known.local == *found.local);
            let open = matches!(found.space, Space::XSI | Space::XML) || complex.any_attribute || self.plan.leniency.drop_unknown;
            if !known && !open {
                return Err(self.wrong("an attribute that the description does not know", name));
            }
        }
        for attribute in &complex.attributes {
            let value = cursor.attribute(attribute.space, &attribute.local);
            let implied = || attribute.default.as_deref().or(attribute.fixed.as_deref());
            let Some(value) = value.or_else(implied) else {
                if attribute.required {
                    return Err(self.wrong(format!("the attribute `{}` is missing", attribute.local), name));
                }
                continue;
            };
            if attribute.fixed.as_deref().is_some_and(|fixed| fixed != self.plan.simple(attribute.content).settle(value)) {
                return Err(self.broken(Rule::Fixed, name));
            }
            if !matches!(self.out.last(), Some(b'{')) {
                self.out.push(b',');
            }
            self.out.extend_from_slice(&attribute.key);
            let written = self.plan.push_json(attribute.content, value, &mut self.out);
            written.map_err(|rule| self.broken(rule, name))?;
        }
        Ok(())
    }
}

impl<'p> Frame<'p> {
    /// Moves to the element of this name, if it may stand here, and gives its index.
    fn step(&mut self, space: Space, local: &str, seen: &[u64]) -> Option<u16> {
        let named = |at: u16| {
            let element = &self.complex.elements[usize::from(at)];
            element.space == space && &*element.name == local
        };
        match &self.complex.body {
            Body::Elements { automaton, .. } => {
                let place = automaton.place(self.state);
                if let Some(place) = place
                    && self.count < place.max
                    && named(place.element)
                {
                    self.count += 1;
                    return Some(place.element);
                }
                if place.is_some_and(|place| self.count < place.min) {
                    return None;
                }
                for &next in automaton.next(self.state) {
                    let element = automaton.place(next)?.element;
                    if named(element) {
                        (self.state, self.count) = (next, 1);
                        return Some(element);
                    }
                }
                None
            }
            Body::All { .. } => {
                let at = (0..self.complex.elements.len() as u16).find(|&at| named(at))?;
                let fresh = seen[self.seen + usize::from(at) / 64] & (1 << (at % 64)) == 0;
                fresh.then_some(at)
            }
            Body::Empty | Body::Text(_) => None,
        }
    }

    /// The name of what is missing for the content to end here.
    fn missing(&self, seen: &[u64]) -> Option<&'p str> {
        let name = |at: u16| -> &'p str { &self.complex.elements[usize::from(at)].name };
        match &self.complex.body {
            Body::Elements { automaton, .. } => {
                if automaton.place(self.state).is_some_and(|place| self.count < place.min) {
                    return automaton.place(self.state).map(|place| name(place.element));
                }
                if automaton.may_end(self.state) {
                    return None;
                }
                let next = automaton.next(self.state).iter().filter_map(|&next| automaton.place(next));
                let needed = next.filter(|place| place.min > 0).map(|place| name(place.element)).next();
                Some(needed.unwrap_or_default())
            }
            Body::All { particle: Particle::All(group) } => {
                let came = |at: u16| seen[self.seen + usize::from(at) / 64] & (1 << (at % 64)) != 0;
                if group.optional && !group.elements.iter().any(|&at| came(at)) {
                    return None;
                }
                group.required.iter().find(|&&at| !came(at)).map(|&at| name(at))
            }
            _ => None,
        }
    }
}

/// The text up to the end of the element that has just begun. It is joined over comments, references and CDATA: a text that
/// ended at a comment would be another text than the signed or checked one.
pub(super) fn read_text<'x>(cursor: &mut Cursor<'x, '_>) -> Result<Cow<'x, str>, ReadError> {
    let mut text = Cow::Borrowed("");
    loop {
        match cursor.token()? {
            Token::Text(part) if text.is_empty() => text = part,
            Token::Text(part) => text.to_mut().push_str(&part),
            Token::End => return Ok(text),
            Token::Start(..) => return Err(ReadError::Structure("an element stands where only text may")),
            Token::Over => return Err(XmlError::Malformed.into()),
        }
    }
}
