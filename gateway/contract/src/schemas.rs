//! Lowered schemas made into validators: one for each schema that a message begins with, shared by all that begin with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Registry, Retrieve, ValidationError, ValidationOptions};
use serde_json::{Map, Value, json};

use crate::bounds::{Bounds, NUMBER};
use crate::circle::Circles;
use crate::compile::Formats;
use crate::formats::FORMATS;
use crate::instance::{Arena, Instance, Validator};
use crate::listed::{Allowed, CONST, ENUM};
use crate::lower::{Lowering, SchemaId, Variant};
use crate::merged::merged;
use crate::own::{Own, REQUIRED};
use crate::quick::{Builder, Quick, RulesId};
use crate::references::{local, uri};
use crate::required::Required;
use crate::resources::ResourceId;
use crate::source::Source;
use crate::text::{TEXT, Text};

/// A schema compiled.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    /// What tells without a reason whether a body is valid, where there is such.
    quick: Option<(Arc<Quick>, RulesId)>,
    /// See [`Circles::growth`].
    pub(crate) growth: u32,
    /// See [`Circles::ways`].
    pub(crate) ways: u64,
}

impl Schema {
    /// Whether a value is valid.
    pub(crate) fn is_valid(&self, value: Instance<'_>) -> bool {
        match (value, &self.quick) {
            (Instance::Value(node), Some((quick, rules))) => {
                let is_valid = quick.is_valid(*rules, node);
                debug_assert_eq!(is_valid, self.validator.is_valid(value), "both ways are the same");
                is_valid
            }
            _ => self.validator.is_valid(value),
        }
    }

    /// The first thing that is wrong with a value.
    pub(crate) fn first_error<'v>(&'v self, value: Instance<'v>) -> Option<ValidationError<'v>> {
        self.validator.validate(value).err()
    }

    /// All that is wrong with a value.
    pub(crate) fn errors<'v>(&'v self, value: Instance<'v>) -> impl Iterator<Item = ValidationError<'v>> {
        self.validator.iter_errors(value)
    }
}

type Compiled = HashMap<(Variant, SchemaId), Arc<Schema>>;

/// In how many ways one value may be held against a schema: beyond, a single one would take seconds.
const MOST_WAYS: u64 = 1 << 20;

/// Compiled schemas by name and variant.
pub(crate) struct Schemas(Compiled);

impl Schemas {
    /// Compiles a validator for each root. What cannot be compiled is a fault.
    pub(crate) fn compile(source: &Source<'_>, lowering: &Lowering<'_, '_>, roots: &[(Variant, SchemaId)], formats: Formats) -> Self {
        let mut validators = HashMap::new();
        // What is wrong in a schema was told with its place; a compiler would only repeat it with less.
        if source.has_errors() {
            return Self(validators);
        }
        let differs = lowering.differing();
        for variant in [Variant::Request, Variant::Answer] {
            // A schema that is the same for requests and answers has one validator.
            let apart = |id: SchemaId| variant == Variant::Request || differs[id];
            let wanted: Vec<SchemaId> =
                roots.iter().filter(|(of, id)| apart(*id) && (*of == variant || !differs[*id])).map(|(_, id)| *id).collect();
            compile(source, lowering, (variant, formats), &wanted, &mut validators);
        }
        let shared: Vec<_> = roots.iter().filter(|(of, id)| *of == Variant::Answer && !differs[*id]).collect();
        for &&(_, id) in &shared {
            if let Some(validator) = validators.get(&(Variant::Request, id)).cloned() {
                validators.insert((Variant::Answer, id), validator);
            }
        }
        Self(validators)
    }

    pub(crate) fn get(&self, variant: Variant, id: SchemaId) -> Option<Arc<Schema>> {
        self.0.get(&(variant, id)).cloned()
    }
}

fn compile(
    source: &Source<'_>,
    lowering: &Lowering<'_, '_>,
    (variant, formats): (Variant, Formats),
    wanted: &[SchemaId],
    validators: &mut Compiled,
) {
    if wanted.is_empty() {
        return;
    }
    let merged: Vec<Value> = (0..lowering.definitions.len()).map(|id| merged(lowering, variant, id)).collect();
    let plain = |schema: &Value| options(formats).build(schema).ok();
    let (quick, places) = Builder::build(&merged, &plain);
    let quick = Arc::new(quick);
    let mut documents: BTreeMap<ResourceId, Map<String, Value>> = BTreeMap::new();
    for ((id, definition), merged) in lowering.definitions.iter().enumerate().zip(merged) {
        documents.entry(definition.resource).or_default().insert(format!("s{id}"), merged);
    }
    let document = |definitions| json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": Value::Object(definitions)});
    let documents: Vec<(String, Value)> = documents.into_iter().map(|(resource, schemas)| (uri(resource), document(schemas))).collect();
    let added =
        documents.iter().try_fold(Registry::new().draft(Draft::Draft202012), |registry, (uri, document)| registry.add(uri, document));
    let prepared = added.and_then(jsonschema::RegistryBuilder::prepare);
    let registry = match prepared {
        Ok(registry) => registry,
        Err(error) => return source.error("", format!("the schemas cannot be compiled: {error}")),
    };
    let circles = Circles::of(&lowering.definitions);
    let options = options(formats).with_registry(&registry);
    for &id in wanted {
        if validators.contains_key(&(variant, id)) {
            continue;
        }
        if circles.ways(id) > MOST_WAYS {
            let message = format!("one value may be held against the parts of this schema in more than {MOST_WAYS} ways");
            source.error_with_hint(
                &lowering.definitions[id].pointer,
                message,
                "branches that refer to the same schemas multiply: write them once",
            );
            continue;
        }
        match options.build(&json!({"$ref": format!("{}{}", uri(lowering.definitions[id].resource), local(id))})) {
            Ok(validator) => {
                let quick = places[id].map(|rules| (quick.clone(), rules));
                validators.insert((variant, id), Arc::new(Schema { validator, quick, growth: circles.growth(id), ways: circles.ways(id) }));
            }
            Err(error) => source.error(&lowering.definitions[id].pointer, format!("this schema cannot be compiled: {error}")),
        }
    }
}

/// How all validators read schemas.
pub(crate) fn options<'o>(formats: Formats) -> ValidationOptions<'o, Arc<dyn Retrieve>, Arena> {
    let options = jsonschema::options_for::<Arena>()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .with_keyword(TEXT, |_, merged, _| Ok(Box::new(Own(Text::read(merged)))))
        .with_keyword(NUMBER, |_, merged, _| Ok(Box::new(Own(Bounds::read(merged)))))
        .with_keyword(ENUM, |_, values, _| Ok(Box::new(Own(Allowed::of_enum(values)))))
        .with_keyword(CONST, |_, value, _| Ok(Box::new(Own(Allowed::of_const(value)))))
        .with_keyword(REQUIRED, |_, names, _| Ok(Box::new(Own(Required::read(names)))))
        .should_validate_formats(formats == Formats::Assert);
    FORMATS.into_iter().fold(options, |options, (name, has)| options.with_format(name, has))
}
