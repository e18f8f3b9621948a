//! Bodies that are fields: of a form, `application/x-www-form-urlencoded` or `multipart/form-data` (OpenAPI 3.0.4 §4.7.14, §4.7.15).

use std::borrow::Cow;
use std::collections::HashMap;

use exchange::JsonLimits;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::broken::Broken;
use crate::contract::Terms;
use crate::media::{MediaRange, MediaType};
use crate::multipart::{Part, parts};
use crate::names::Names;
use crate::parameter::decoded::Decoded;
use crate::parameter::{
    File, Found, Given, Kinds, Pair, Parameter, Pieces, Plan, Reading, Shape, Syntax, Written, grouped, is_of, json, pairs,
};
use crate::violation::{Place, Violation};

/// The fields that a body may have.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) list: Vec<Field>,
    /// Of the whole, without the members that the fields are.
    pub(crate) plan: Plan,
}

/// One field.
#[derive(Debug)]
pub(crate) struct Field {
    /// How it is written in a form.
    pub(crate) written: Written,
    /// The media types that its part may have; none are named where that follows from the schema.
    pub(crate) types: Vec<MediaRange>,
    /// The headers of its part.
    pub(crate) headers: Vec<Parameter>,
}

/// What is wrong with a field, or with all of them.
pub(crate) struct FieldFault {
    pub(crate) name: Option<Box<str>>,
    pub(crate) what: Broken,
}

impl FieldFault {
    fn of(name: &str, what: Broken) -> Self {
        Self { name: Some(name.into()), what }
    }

    /// As the contract tells it: a name that it does not know is not written.
    pub(crate) fn violation(self, names: &Names, place: fn(String) -> Place) -> Violation {
        self.what.at(place(self.name.map(|name| names.field(&name)).unwrap_or_default()))
    }
}

/// The pairs of a form by the fields that they are of.
pub(crate) struct Form<'f> {
    fields: &'f Fields,
    own: Vec<(&'f Field, Vec<(Syntax, Pieces<'f>)>)>,
    others: Vec<&'f Pair<'f>>,
}

impl Form<'_> {
    /// The object that they are.
    pub(crate) fn read(&self, reading: Reading, terms: Terms<'_>) -> Result<Decoded<'_>, FieldFault> {
        let mut members = Vec::new();
        for (field, found) in &self.own {
            let name = &*field.written.name;
            let value = field.read(found, reading, terms).map_err(|what| FieldFault::of(name, what))?;
            members.extend(value.map(|value| (Cow::Borrowed(name), value)));
        }
        let other = |pair: &&Pair<'_>| self.fields.plan_of(&pair.name).unwrap_or(Plan::ANYTHING);
        let others = self.others.iter().map(|pair| (&*pair.name, other(pair).read(pair.value.as_str().into(), reading)));
        self.fields.gathered(members, others.collect())
    }
}

/// The most fields of a form.
const MOST_FIELDS: usize = 4096;

/// Reads the pairs of a form.
pub(crate) fn form_pairs(form: &[u8]) -> Result<Vec<Pair<'_>>, FieldFault> {
    let broke = |keyword, message: String| FieldFault { name: None, what: Broken::saying(keyword, message) };
    if memchr::memchr_iter(b'&', form).count() >= MOST_FIELDS {
        return Err(broke("maxProperties", format!("has more than {MOST_FIELDS} fields")));
    }
    let unreadable = || broke("encoding", "is not readable as application/x-www-form-urlencoded".into());
    pairs(str::from_utf8(form).map_err(|_| unreadable())?).ok_or_else(unreadable)
}

impl Fields {
    pub(crate) fn named(&self, name: &str) -> Option<&Field> {
        self.list.iter().find(|field| *field.written.name == *name)
    }

    /// What the pairs of a form are of, once for all readings of it.
    pub(crate) fn of_form<'f>(&'f self, pairs: &'f [Pair<'_>]) -> Result<Form<'f>, FieldFault> {
        let mut own = Vec::with_capacity(self.list.len());
        for field in &self.list {
            let found = field.of_form(pairs).map_err(|what| FieldFault::of(&field.written.name, what))?;
            own.push((field, found));
        }
        let others: Vec<&Pair<'_>> = pairs.iter().filter(|pair| !self.list.iter().any(|field| field.written.claims(&pair.name))).collect();
        match others.iter().find(|pair| self.is_disguised(&pair.name)) {
            Some(pair) => Err(FieldFault::of(&pair.name, Broken::STYLE)),
            None => Ok(Form { fields: self, own, others }),
        }
    }

    /// Whether others read this as the name of a field of ours: `name[]`, or with white space before it.
    fn is_disguised(&self, name: &str) -> bool {
        let trimmed = name.trim();
        self.list.iter().any(|field| *field.written.name != *name && is_of(&field.written.name, trimmed))
    }

    /// An object of members and of values that may come several times, which makes a list of those that may be one.
    fn gathered<'v>(
        &self,
        mut members: Vec<(Cow<'v, str>, Decoded<'v>)>,
        values: Vec<(&'v str, Decoded<'v>)>,
    ) -> Result<Decoded<'v>, FieldFault> {
        for (name, mut list) in grouped(values.into_iter()) {
            let plan = self.plan_of(name);
            let value = match (plan.is_some_and(Plan::is_list), list.len()) {
                (false, 1) => list.remove(0),
                (false, _) if !plan.is_none_or(Plan::may_be_list) => {
                    return Err(FieldFault::of(name, Broken::REPEATED));
                }
                _ => Decoded::List(list),
            };
            members.push((Cow::Borrowed(name), value));
        }
        Ok(Decoded::Record(members))
    }

    /// What a field of this name may be; `None` where there is to be none.
    fn plan_of(&self, name: &str) -> Option<&Plan> {
        self.named(name).map(|field| &field.written.plan).or_else(|| self.plan.member(name))
    }

    /// The object that the parts of a body are, and what is wrong with their headers.
    pub(crate) fn of_parts<'p>(&self, parts: &'p [Part<'_>], reading: Reading, terms: Terms<'_>) -> Result<Decoded<'p>, FieldFault> {
        let mut values = Vec::with_capacity(parts.len());
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for part in parts {
            let count = counts.entry(&part.name).or_default();
            let at = std::mem::replace(count, *count + 1);
            let fault = |what| FieldFault::of(&part.name, what);
            let field = self.named(&part.name);
            if field.is_none() && self.is_disguised(&part.name) {
                return Err(fault(Broken::STYLE));
            }
            if let Some(field) = field {
                field.check_headers(part, terms).map_err(fault)?;
            }
            let plan = self.plan_of(&part.name).unwrap_or(Plan::ANYTHING);
            let plan = if plan.is_list() { plan.item(at) } else { plan };
            let media =
                part.header("content-type").map(|text| MediaType::parse(text).ok_or(Broken::UNLISTED)).transpose().map_err(fault)?;
            let types = field.map(|field| field.types.as_slice()).unwrap_or_default();
            values.push((&*part.name, value(part, plan, types, media.as_ref(), reading, terms.limits).map_err(fault)?));
        }
        self.gathered(Vec::new(), values)
    }
}

impl Field {
    /// What it may be in a form, the likeliest first; nothing, if it is not there.
    fn of_form<'f>(&'f self, pairs: &'f [Pair<'_>]) -> Result<Vec<(Syntax, Pieces<'f>)>, Broken> {
        let written = &self.written;
        let (mut found, mut broken) = (Vec::new(), None);
        for &syntax in &written.syntaxes {
            match written.in_query(syntax, pairs) {
                Ok(Found::Pieces(pieces)) => found.push((syntax, pieces)),
                Ok(Found::Absent | Found::Empty) => {}
                Err(what) => broken = broken.or(Some(what)),
            }
        }
        match broken.filter(|_| found.is_empty()) {
            // What names no type may be several as well as one.
            Some(what) if what == Broken::REPEATED && written.plan.may_be_list() => {
                let own = pairs.iter().filter(|pair| pair.name == *written.name).map(|pair| Cow::Borrowed(pair.value.as_str()));
                found.push((Syntax::Styled(Shape::List), Pieces::Many(own.collect())));
            }
            Some(what) => return Err(what),
            None => {}
        }
        Ok(found)
    }

    /// The first of what it may be that is of the kind which it should then be.
    fn read<'p>(&self, found: &'p [(Syntax, Pieces<'p>)], reading: Reading, terms: Terms<'_>) -> Result<Option<Decoded<'p>>, Broken> {
        let (mut first, mut broken) = (None, None);
        for (syntax, pieces) in found {
            match self.written.read(*syntax, pieces, reading, terms.limits) {
                Ok(value) if self.written.plan.kinds.takes(&value) => return Ok(Some(value)),
                Ok(value) => first = first.or(Some(value)),
                Err(what) => broken = broken.or(Some(what)),
            }
        }
        if first.is_some() { Ok(first) } else { broken.map_or(Ok(None), Err) }
    }

    fn check_headers(&self, part: &Part<'_>, terms: Terms<'_>) -> Result<(), Broken> {
        if self.headers.is_empty() {
            return Ok(());
        }
        let header = |(name, value): &(String, &str)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(*value).ok()?));
        let headers: HeaderMap = part.headers.iter().filter_map(header).collect();
        let given = Given { path: &[], query: &[], headers: &headers, joins_lines: false, terms };
        let mut found = Vec::new();
        for parameter in &self.headers {
            parameter.check(&given, &mut found);
        }
        found
            .into_iter()
            .next()
            .map_or(Ok(()), |Violation { place, keyword, message, .. }| Err(Broken::saying(keyword, format!("{place} {message}"))))
    }
}

/// The value of a part: JSON where the schema is an object or the part says so, a file, or text.
fn value<'p>(
    part: &Part<'p>,
    plan: &Plan,
    types: &[MediaRange],
    media: Option<&MediaType<'_>>,
    reading: Reading,
    limits: &JsonLimits,
) -> Result<Decoded<'p>, Broken> {
    // RFC 7578 §4.4: text, unless it says something else.
    let is_listed = |media: &MediaType<'_>| types.iter().any(|range| range.takes(media));
    if !types.is_empty() && !media.map_or_else(|| types.iter().any(MediaRange::is_plain_text), is_listed) {
        return Err(Broken::UNLISTED);
    }
    let file = Decoded::File(part.bytes.into());
    if plan.file == File::Always {
        return Ok(file);
    }
    let is_json = media.is_some_and(MediaType::is_json);
    // A text that says it is JSON is that text to whoever does not look at what its part says.
    if plan.is_object() || (is_json && (plan.is_anything() || !types.is_empty() || !plan.kinds.has(Kinds::STRING))) {
        return if media.is_none_or(MediaType::is_utf8) { json(part.bytes, limits) } else { Err(Broken::NO_TEXT) };
    }
    if plan.is_anything() && (part.has_file_name || !media.is_none_or(MediaType::is_text)) {
        return Ok(file);
    }
    let text = match media {
        Some(media) => media.text(part.bytes).ok(),
        None => str::from_utf8(part.bytes).ok().map(Cow::Borrowed),
    };
    match text {
        Some(text) => Ok(plan.read(text, reading)),
        None if plan.file == File::Maybe => Ok(file),
        None => Err(Broken::NO_TEXT),
    }
}

/// The parts of a body, by the boundary that its media type names.
pub(crate) fn of_multipart<'b>(media: &MediaType<'_>, body: &'b [u8]) -> Result<Vec<Part<'b>>, FieldFault> {
    let read = parts(&media.boundary().unwrap_or_default(), body);
    read.map_err(|error| FieldFault {
        name: None,
        what: Broken::saying("encoding", format!("is not readable as multipart/form-data: {error}")),
    })
}
