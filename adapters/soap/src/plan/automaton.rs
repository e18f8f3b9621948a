use super::{Particle, Use};

/// Which element may follow which, made from a particle by Glushkov's construction. Counted repetition stays a counter, so
/// that `maxOccurs="100000"` costs one state; and since XML Schema demands that names decide (its "unique particle
/// attribution", Structures §3.8.6), there is never a choice of states.
#[derive(Debug)]
pub(crate) struct Automaton {
    positions: Vec<Position>,
    /// Where an element may begin.
    first: Box<[u16]>,
    nullable: bool,
}

#[derive(Debug)]
struct Position {
    place: Use,
    next: Box<[u16]>,
    last: bool,
}

/// The state before the first element.
pub(crate) const START: u16 = u16::MAX;

/// The most places for elements in one type: what follows what grows with their square.
const MOST_POSITIONS: usize = 2000;

/// Why a particle makes no automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clash {
    /// This element could belong to two places at the same moment.
    Ambiguous(u16),
    /// There are too many places.
    TooLarge,
}

/// What a part of a particle contributes: where it begins, where it ends, whether it may be skipped.
struct Part {
    first: Vec<u16>,
    last: Vec<u16>,
    nullable: bool,
}

#[derive(Default)]
struct Builder {
    places: Vec<Use>,
    next: Vec<Vec<u16>>,
}

impl Automaton {
    pub(crate) fn new(particle: &Particle) -> Result<Self, Clash> {
        let mut builder = Builder::default();
        let part = builder.part(particle)?;
        let positions = builder.places.iter().zip(builder.next).enumerate();
        let positions: Vec<Position> =
            positions.map(|(at, (&place, next))| Position { place, next: next.into(), last: part.last.contains(&(at as u16)) }).collect();
        let automaton = Self { positions, first: part.first.into(), nullable: part.nullable };
        automaton.check()?;
        Ok(automaton)
    }

    fn check(&self) -> Result<(), Clash> {
        for next in self.positions.iter().map(|position| &position.next).chain([&self.first]) {
            let mut elements: Vec<u16> = next.iter().map(|&at| self.positions[usize::from(at)].place.element).collect();
            elements.sort_unstable();
            if let Some(pair) = elements.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Clash::Ambiguous(pair[0]));
            }
        }
        Ok(())
    }

    /// Which places may follow, in the order of the schema.
    pub(crate) fn next(&self, state: u16) -> &[u16] {
        self.positions.get(usize::from(state)).map_or(&self.first, |position| &position.next)
    }

    /// The element at a place.
    pub(crate) fn place(&self, state: u16) -> Option<&Use> {
        self.positions.get(usize::from(state)).map(|position| &position.place)
    }

    /// Whether the content may end here.
    pub(crate) fn may_end(&self, state: u16) -> bool {
        self.positions.get(usize::from(state)).map_or(self.nullable, |position| position.last)
    }
}

impl Builder {
    fn part(&mut self, particle: &Particle) -> Result<Part, Clash> {
        match particle {
            Particle::Element(place) => {
                if self.places.len() >= MOST_POSITIONS {
                    return Err(Clash::TooLarge);
                }
                let at = self.places.len() as u16;
                self.places.push(*place);
                self.next.push(Vec::new());
                Ok(Part { first: vec![at], last: vec![at], nullable: place.min == 0 })
            }
            Particle::Sequence(group) | Particle::All(group) => {
                let mut whole = Part { first: Vec::new(), last: Vec::new(), nullable: true };
                for item in &group.items {
                    let part = self.part(item)?;
                    for &last in &whole.last {
                        self.next[usize::from(last)].extend(&part.first);
                    }
                    if whole.nullable {
                        whole.first.extend(&part.first);
                    }
                    if !part.nullable {
                        whole.last.clear();
                    }
                    whole.last.extend(&part.last);
                    whole.nullable &= part.nullable;
                }
                whole.nullable |= group.optional;
                Ok(whole)
            }
            Particle::Choice(group) => {
                let mut whole = Part { first: Vec::new(), last: Vec::new(), nullable: group.optional };
                for item in &group.items {
                    let part = self.part(item)?;
                    whole.first.extend(part.first);
                    whole.last.extend(part.last);
                    whole.nullable |= part.nullable;
                }
                Ok(whole)
            }
        }
    }
}
