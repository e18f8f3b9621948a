use adapter_api::Problem;

use crate::operation::Source;
use crate::plan::Rule;

/// Why a value of a call cannot be said in the upstream's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Rule(Rule),
    Unknown,
    Missing,
    Null,
    Object,
    Array,
    TooFew(u32),
    TooMany(u32),
    Branches(String),
    Deep,
    Twice,
    Repeated,
    MediaType,
}

/// What is wrong and where. The place is collected on the way out, so that a call without fault never pays for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    wrong: Wrong,
    /// Names and indexes, innermost first.
    steps: Vec<String>,
    parameter: Option<Source>,
}

impl From<Wrong> for Refused {
    fn from(wrong: Wrong) -> Self {
        Self { wrong, steps: Vec::new(), parameter: None }
    }
}

impl Refused {
    /// About the value that a source gives.
    pub(crate) fn of_source(wrong: Wrong, source: &Source) -> Self {
        Self { parameter: Some(source.clone()), ..wrong.into() }
    }

    /// The same, about the value that a source gives.
    pub(crate) fn about(self, source: &Source) -> Self {
        Self { parameter: Some(source.clone()), ..self }
    }

    /// The same, seen from further out.
    pub(crate) fn inside(mut self, step: &str) -> Self {
        self.steps.push(step.chars().take(200).collect());
        self
    }

    /// What the caller is told. It names the place and the rule, never the value.
    pub(crate) fn problem(self) -> Problem {
        let (kind, rule) = match &self.wrong {
            Wrong::MediaType => {
                let title = "the body of this operation must be JSON";
                return Problem::new(415, "unsupported-media-type", title);
            }
            Wrong::Rule(rule) => ("mapping-value", rule.to_string()),
            Wrong::Unknown => ("mapping-unknown-member", "is no member of what the upstream takes".into()),
            Wrong::Missing => ("mapping-missing-member", "is missing".into()),
            Wrong::Null => ("mapping-value", "cannot be null".into()),
            Wrong::Object => ("mapping-value", "must be an object".into()),
            Wrong::Array => ("mapping-value", "must be an array".into()),
            Wrong::TooFew(least) => ("mapping-value", format!("must have at least {least} items")),
            Wrong::TooMany(most) => ("mapping-value", format!("must have at most {most} items")),
            Wrong::Branches(names) => ("mapping-choice", format!("must have exactly one of {names}")),
            Wrong::Deep => ("mapping-value", "is nested too deeply".into()),
            Wrong::Twice => ("mapping-twice", "is given twice, by a parameter and in the body".into()),
            Wrong::Repeated => ("mapping-value", "can be given only once".into()),
        };
        let problem = Problem::new(422, kind, "the request cannot be said in the upstream's terms");
        match &self.parameter {
            Some(Source::Path(name)) => problem.detail(format!("the path parameter `{name}` {rule}")).with("parameter", &**name),
            Some(Source::Query(name)) => problem.detail(format!("the query parameter `{name}` {rule}")).with("parameter", &**name),
            Some(Source::Body(pointer)) => problem.detail(format!("`{pointer}` {rule}")).with("pointer", pointer.to_string()),
            None => {
                let mut pointer = String::new();
                for step in self.steps.iter().rev() {
                    pointer.push('/');
                    pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
                }
                let place = if pointer.is_empty() { "the body".to_owned() } else { format!("`{pointer}`") };
                problem.detail(format!("{place} {rule}")).with("pointer", pointer)
            }
        }
    }
}
