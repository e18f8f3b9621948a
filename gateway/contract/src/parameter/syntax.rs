//! As what a parameter's text is read.

use super::kinds::Kinds;
use super::plan::Plan;
use super::style::Shape;

/// As what a parameter's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Split as its style says.
    Styled(Shape),
    /// `content` with a JSON media type.
    Json,
    /// Several of them, as forms write lists of objects.
    JsonItems,
    /// `content` with another one.
    Opaque,
}

impl Syntax {
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Styled(shape) => shape,
            Self::JsonItems => Shape::List,
            Self::Json | Self::Opaque => Shape::Scalar,
        }
    }

    /// What a parameter of this plan may be, the likeliest first. One that may be anything is text.
    pub(crate) fn of(plan: &Plan) -> Box<[Self]> {
        let kinds = plan.kinds;
        let likely = [
            (kinds.has_scalars(), Shape::Scalar),
            (!kinds.is_open() && kinds.has(Kinds::ARRAY), Shape::List),
            (!kinds.is_open() && kinds.has(Kinds::OBJECT), Shape::Record),
        ];
        let forms: Box<[Self]> = likely.into_iter().filter(|(is_likely, _)| *is_likely).map(|(_, shape)| Self::Styled(shape)).collect();
        if forms.is_empty() { Box::new([Self::Styled(Shape::Scalar)]) } else { forms }
    }
}
