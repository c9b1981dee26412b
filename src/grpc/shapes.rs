//! The shapes of requests on the wire, with their bounds, built once from the descriptors.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use super::bounds::{BOUNDS, Bound, Keeper, Measure};
use super::descriptors::DESCRIPTORS;

/// The package whose requests are bounded here.
pub(crate) const PACKAGE: &str = "slugline.v1";

/// The shape of an RPC's request.
#[derive(Debug)]
pub(crate) struct Root {
    /// Its message.
    pub(crate) message: Shape,
    /// Whether it is a stream of messages.
    pub(crate) is_stream: bool,
}

/// A message, by the numbers of its fields.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    fields: Vec<Option<Field>>,
}

impl Shape {
    /// The field with this number.
    pub(crate) fn field(&self, number: u64) -> Option<&Field> {
        self.fields.get(usize::try_from(number).ok()?)?.as_ref()
    }
}

/// A field, and its bounds.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is a list or a map.
    pub(crate) is_list: bool,
    /// The shape of the message it holds, such as the entry of a map.
    pub(crate) message: Option<Shape>,
    /// The bound on its elements, and the counter for them.
    pub(crate) items: Option<(usize, &'static Bound)>,
    /// The bound on its bytes, or on those of each element.
    pub(crate) bytes: Option<&'static Bound>,
}

/// How many lists and maps the decoder counts.
pub(crate) const COUNTERS: usize = {
    let (mut count, mut at) = (0, 0);
    while at < BOUNDS.len() {
        if matches!((BOUNDS[at].measure, BOUNDS[at].keeper), (Measure::Items, Keeper::Decoder)) {
            count += 1;
        }
        at += 1;
    }
    count
};

/// The request of this name; None for any other message.
pub(crate) fn root(package: &str, name: &str) -> Option<&'static Root> {
    static ROOTS: LazyLock<BTreeMap<String, Root>> = LazyLock::new(roots);
    if package == PACKAGE { ROOTS.get(name) } else { None }
}

fn roots() -> BTreeMap<String, Root> {
    // The descriptors are compiled into the binary, and every test decodes them.
    let set = FileDescriptorSet::decode(DESCRIPTORS).expect("the compiled descriptors are valid");
    let mut messages = BTreeMap::new();
    for file in set.file.iter().filter(|file| file.package() == PACKAGE) {
        for message in &file.message_type {
            collect(message, message.name().to_owned(), &mut messages);
        }
    }
    let methods = set
        .file
        .iter()
        .flat_map(|file: &FileDescriptorProto| &file.service)
        .flat_map(|service| &service.method);
    methods
        .map(|method| {
            let name = short(method.input_type());
            let message = shape(name, &messages).unwrap_or(Shape { fields: Vec::new() });
            (name.to_owned(), Root { message, is_stream: method.client_streaming() })
        })
        .collect()
}

/// A type's name without its package: "SimilarityFilter.LabelsEntry".
fn short(type_name: &str) -> &str {
    type_name
        .trim_start_matches('.')
        .strip_prefix(PACKAGE)
        .map_or(type_name, |name| name.trim_start_matches('.'))
}

fn collect<'a>(
    message: &'a DescriptorProto,
    name: String,
    messages: &mut BTreeMap<String, &'a DescriptorProto>,
) {
    for nested in &message.nested_type {
        collect(nested, format!("{name}.{}", nested.name()), messages);
    }
    messages.insert(name, message);
}

/// None for a message of another package, such as Timestamp, which needs no bound. Terminates since
/// no request contains itself.
fn shape(name: &str, messages: &BTreeMap<String, &DescriptorProto>) -> Option<Shape> {
    let message = messages.get(name)?;
    let mut fields = Vec::new();
    for field in &message.field {
        let number = usize::try_from(field.number()).unwrap_or_default();
        if fields.len() <= number {
            fields.resize(number + 1, None);
        }
        fields[number] = Some(self::field(name, field, messages));
    }
    Some(Shape { fields })
}

fn field(
    message: &str,
    field: &FieldDescriptorProto,
    messages: &BTreeMap<String, &DescriptorProto>,
) -> Field {
    let is_of_field = |bound: &Bound| {
        bound.message == message && bound.field == field.name() && bound.keeper == Keeper::Decoder
    };
    let counted = BOUNDS
        .iter()
        .filter(|bound| bound.measure == Measure::Items && bound.keeper == Keeper::Decoder);
    let part = match field.r#type() {
        Type::Message => {
            Some(shape(short(field.type_name()), messages).unwrap_or(Shape { fields: Vec::new() }))
        }
        _ => None,
    };
    Field {
        name: field.name().to_owned(),
        is_list: field.label() == Label::Repeated,
        message: part,
        items: counted.enumerate().find(|(_, bound)| is_of_field(bound)),
        bytes: BOUNDS.iter().find(|bound| bound.measure == Measure::Bytes && is_of_field(bound)),
    }
}
