//! What schemas say of numbers, in one look and by their digits: bounds, and what they are multiples of.

use std::cmp::Ordering;

use jsonschema::json::Node as _;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

use crate::decimal::Decimal;
use crate::instance::{Arena, Instance};
use crate::keywords::each_in;
use crate::own::broken;

/// The keyword that stands for those that were merged.
pub(crate) const NUMBER: &str = "number";

const MERGED: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

/// Merges what is said of numbers, in a lowered schema and in all that are in it.
pub(crate) fn merge(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    each_in(members, &mut merge);
    let is_number = |keyword: &&str| members.get(*keyword).is_some_and(Value::is_number);
    let merged: Vec<&str> = MERGED.into_iter().filter(is_number).collect();
    let number: Map<String, Value> =
        merged.into_iter().filter_map(|keyword| Some((keyword.to_owned(), members.remove(keyword)?))).collect();
    if !number.is_empty() {
        members.insert(NUMBER.into(), Value::Object(number));
    }
}

/// The rules of one schema.
#[derive(Debug)]
pub(crate) struct Bounds {
    rules: Box<[(&'static str, Box<str>)]>,
    /// Where they are whole numbers only, the least and the most of whole numbers.
    plain: Option<(i64, i64)>,
}

impl Bounds {
    /// Reads what [`merge`] wrote.
    pub(crate) fn read(merged: &Value) -> Self {
        let rule = |keyword: &'static str| Some((keyword, merged.get(keyword)?.to_string().into()));
        let whole = |keyword: &str, unsaid: i64| merged.get(keyword).map_or(Some(unsaid), Value::as_i64);
        let plain = || {
            let least = whole("minimum", i64::MIN)?.max(whole("exclusiveMinimum", i64::MIN)?.saturating_add(1));
            let most = whole("maximum", i64::MAX)?.min(whole("exclusiveMaximum", i64::MAX)?.saturating_sub(1));
            merged.get("multipleOf").is_none().then_some((least, most))
        };
        Self { rules: MERGED.into_iter().filter_map(rule).collect(), plain: plain() }
    }

    /// Whether a number keeps the rules.
    pub(crate) fn is_kept(&self, text: &str) -> bool {
        // Of most numbers a look at a few digits says all.
        match self.plain.filter(|_| text.len() <= 18).and_then(|plain| Some((plain, text.parse::<i64>().ok()?))) {
            Some(((least, most), number)) => (least..=most).contains(&number),
            None => self.broken(text).next().is_none(),
        }
    }

    fn broken(&self, text: &str) -> impl Iterator<Item = &(&'static str, Box<str>)> {
        let number = Decimal::read(text);
        self.rules.iter().filter(move |(keyword, limit)| {
            let limit = Decimal::read(limit);
            let is_kept = match *keyword {
                "minimum" => number.compare(&limit) != Ordering::Less,
                "maximum" => number.compare(&limit) != Ordering::Greater,
                "exclusiveMinimum" => number.compare(&limit) == Ordering::Greater,
                "exclusiveMaximum" => number.compare(&limit) == Ordering::Less,
                _ => number.is_multiple_of(&limit),
            };
            !is_kept
        })
    }
}

impl<'i> Keyword<'i, Arena> for Bounds {
    fn is_valid(&self, instance: Instance<'i>) -> bool {
        instance.as_number().is_none_or(|number| self.is_kept(number.0))
    }

    fn validate(&self, instance: Instance<'i>) -> Result<(), ValidationError<'i>> {
        self.iter_errors(instance).next().map_or(Ok(()), Err)
    }

    fn iter_errors(&self, instance: Instance<'i>) -> Box<dyn Iterator<Item = ValidationError<'i>> + 'i> {
        let number = instance.as_number();
        let rules = number.iter().flat_map(|number| self.broken(number.0));
        let errors: Vec<_> = rules.map(|(keyword, limit)| broken(keyword, limit)).collect();
        Box::new(errors.into_iter())
    }
}
