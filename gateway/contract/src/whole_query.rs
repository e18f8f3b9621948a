//! A query that is one value: `in: querystring` (OpenAPI 3.2, Parameter Object).

use std::sync::Arc;

use crate::broken::Broken;
use crate::compile::Compiler;
use crate::contract::Terms;
use crate::credentials::Credentials;
use crate::described::{DescribedMedia, DescribedParameter, Location, Reader};
use crate::fields::{FieldFault, Fields, form_pairs};
use crate::instance::Instance;
use crate::lower::Variant;
use crate::parameter::decoded::Decoded;
use crate::parameter::{Pair, Plan, Reading, holds_as_one, json, percent};
use crate::read32;
use crate::schemas::Schema;
use crate::source::child;
use crate::violation::{Place, Violation, check};

/// What a document says of a query that is one value.
pub(crate) struct DescribedQuery {
    pointer: String,
    required: bool,
    deprecated: bool,
    pub(crate) media: DescribedMedia,
}

/// A query that is one value.
#[derive(Debug)]
pub(crate) struct WholeQuery {
    required: bool,
    pub(crate) deprecated: bool,
    form: Form,
    schema: Option<Arc<Schema>>,
}

/// How a query becomes a value.
#[derive(Debug)]
enum Form {
    Fields(Fields),
    Json,
    Text(Plan),
}

impl Reader<'_, '_> {
    pub(crate) fn is_whole_query(&self, parameter: &str) -> bool {
        self.source.at(parameter).is_some_and(|raw| self.version.is_whole_query(raw))
    }

    /// The parameter that is the whole query, among those of an operation and of its path: then no other stands in it.
    pub(crate) fn whole_query(&self, own: &[String], shared: &[String], beside: &[DescribedParameter]) -> Option<DescribedQuery> {
        let name = |at: &str| self.source.at(at)?.get("name");
        let is_replaced = |at: &str| own.iter().any(|own| self.is_whole_query(own) && name(own) == name(at));
        let shared = shared.iter().filter(|at| !is_replaced(at));
        let mut all = own.iter().chain(shared).filter(|at| self.is_whole_query(at));
        let at = all.next()?;
        for other in all {
            self.source.error(other, "the whole query is one parameter, and here is another");
        }
        for other in beside.iter().filter(|other| other.parts.location == Location::Query) {
            let message = format!("the parameter `{}` stands in a query that is one value", other.parts.name);
            self.source.error_with_hint(&other.pointer, message, "make it a member of the parameter with `in: querystring`");
        }
        let parts = self.keep(at, "a parameter", read32::whole_query(self.source.at(at)?))?;
        let media = self.only_media(at, &parts.content)?;
        Some(DescribedQuery { pointer: at.clone(), required: parts.required, deprecated: parts.deprecated, media })
    }
}

impl Compiler<'_, '_, '_> {
    pub(crate) fn whole_query(&self, DescribedQuery { pointer, required, deprecated, media }: &DescribedQuery) -> Option<WholeQuery> {
        let id = self.id(Variant::Request, media.schema.as_ref());
        let plan = id.map_or(Plan::ANY, |id| Plan::of(self.view(Variant::Request).schema(id), self.view(Variant::Request)));
        let range = &media.range;
        let is_structured = range.is_structured() || range.is_wide();
        let form = match () {
            () if range.is_form() => Form::Fields(self.fields(plan, &media.encodings)),
            () if range.is_json() => Form::Json,
            () if !is_structured && plan.kinds.has_scalars() => Form::Text(plan),
            () => {
                let at = child(&child(pointer, "content"), &media.name);
                let hint = "`application/x-www-form-urlencoded`, JSON and text are";
                self.source.error_with_hint(&at, format!("a query of `{}` is not read", media.name), hint);
                return None;
            }
        };
        let schema = id.and_then(|id| self.schemas.get(Variant::Request, id));
        Some(WholeQuery { required: *required, deprecated: *deprecated, form, schema })
    }
}

impl WholeQuery {
    /// Adds what is wrong with a query to what was found before. Gives the pairs of a form, for whoever asks for one of them; `None` where
    /// nothing is there.
    pub(crate) fn check<'q>(
        &self,
        query: &'q str,
        credentials: &Credentials,
        terms: Terms<'_>,
        found: &mut Vec<Violation>,
    ) -> Option<Vec<Pair<'q>>> {
        let (pairs, is_there) = match &self.form {
            Form::Fields(fields) => {
                let pairs = pairs(query, fields, credentials).map_err(|fault| vec![fault.violation(terms.names, Place::WholeQuery)]);
                let is_there = !pairs.as_ref().is_ok_and(Vec::is_empty);
                (pairs, is_there)
            }
            Form::Json | Form::Text(_) => (Ok(Vec::new()), !query.is_empty()),
        };
        if !is_there {
            found.extend(self.required.then(|| broken(Broken::REQUIRED)));
            return None;
        }
        let checked = pairs.and_then(|pairs| self.holds(query, &pairs, terms).map(|()| pairs));
        Some(checked.unwrap_or_else(|broken| {
            found.extend(broken);
            Vec::new()
        }))
    }

    fn holds(&self, query: &str, pairs: &[Pair<'_>], terms: Terms<'_>) -> Result<(), Vec<Violation>> {
        let text = || percent(query).ok_or_else(|| vec![broken(Broken::NO_PERCENT)]);
        match &self.form {
            Form::Fields(fields) => {
                let told = |fault: FieldFault| vec![fault.violation(terms.names, Place::WholeQuery)];
                let form = fields.of_form(pairs).map_err(told)?;
                self.holds_as_one(terms, |reading| form.read(reading, terms).map_err(told))
            }
            Form::Json => self.holds_as_one(terms, |_| json(text()?.as_bytes(), terms.limits).map_err(|reason| vec![broken(reason)])),
            Form::Text(plan) => self.holds_as_one(terms, |reading| Ok(plan.read(text()?, reading))),
        }
    }

    fn holds_as_one<'v>(
        &self,
        terms: Terms<'_>,
        read: impl Fn(Reading) -> Result<Decoded<'v>, Vec<Violation>>,
    ) -> Result<(), Vec<Violation>> {
        let Some(schema) = &self.schema else { return read(Reading::Text).map(drop) };
        let wrong = |value: &Decoded<'v>| check(schema, Instance::of(value), value.bytes(), terms, &Place::WholeQuery);
        holds_as_one(schema, read, wrong)
    }
}

fn broken(broken: Broken) -> Violation {
    broken.at(Place::WholeQuery(String::new()))
}

/// The pairs of a form. A key that callers show in the query is no part of it, unless the form has a field of that name.
fn pairs<'q>(query: &'q str, fields: &Fields, credentials: &Credentials) -> Result<Vec<Pair<'q>>, FieldFault> {
    let mut pairs = form_pairs(query.as_bytes())?;
    pairs.retain(|pair| fields.named(&pair.name).is_some() || !credentials.is_key(&pair.name));
    Ok(pairs)
}
