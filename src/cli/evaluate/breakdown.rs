//! The groups of documents that an evaluation is broken down by.

use std::collections::BTreeSet;

use anyhow::bail;

use crate::cli::output::{counted, thousands};
use crate::corpus::{Document, listed, quoted};
use crate::model::TopicModel;
use crate::model::evaluate::{Answer, Breakdown, GroupedBy, Groups, LengthGroups, MAX_GROUPS};

/// The most field names that are remembered.
const MAX_FIELD_NAMES: usize = 100;

/// What to break an evaluation down by.
#[derive(Clone, Default)]
pub(super) struct Request {
    /// The field or column whose values make groups.
    pub(super) field: Option<String>,
    /// Whether the number of words makes groups, too.
    pub(super) by_length: bool,
}

/// Gathers what was requested, one document at a time.
pub(super) struct Breakdowns {
    field: Option<FieldGroups>,
    length: Option<LengthGroups>,
}

/// Groups by the value of a field.
struct FieldGroups {
    name: String,
    groups: Groups,
    /// The names of other fields, while no document had this one.
    other_names: BTreeSet<String>,
}

impl Breakdowns {
    /// For the answers of a model.
    pub(super) fn new(request: &Request, model: &TopicModel) -> Self {
        let (labels, topics) = (model.labels(), model.topics().len());
        Self {
            field: request.field.as_ref().map(|name| FieldGroups {
                name: name.clone(),
                groups: Groups::new(labels, topics),
                other_names: BTreeSet::new(),
            }),
            length: request.by_length.then(|| LengthGroups::new(labels, topics)),
        }
    }

    /// Adds a document of so many words: the answer, and its right topics.
    pub(super) fn add(
        &mut self,
        document: &Document<'_>,
        word_count: u32,
        answer: &Answer<'_>,
        truth: &[usize],
    ) {
        if let Some(field) = &mut self.field {
            field.add(document, answer, truth);
        }
        if let Some(length) = &mut self.length {
            length.add(word_count, answer, truth);
        }
    }

    /// A warning if a field has too many values.
    pub(super) fn warning(&self) -> Option<String> {
        let FieldGroups { name, groups, .. } = self.field.as_ref()?;
        (groups.overflow() > 0).then(|| {
            format!(
                "{} has more than {} values: {} with later ones {} measured as \"(other)\"",
                quoted(name),
                thousands(MAX_GROUPS as u64),
                counted(groups.overflow(), "document"),
                if groups.overflow() == 1 { "is" } else { "are" },
            )
        })
    }

    /// What was measured, in the order of the flags.
    ///
    /// # Errors
    /// If no document has a value in the field.
    pub(super) fn finish(self) -> anyhow::Result<Vec<Breakdown>> {
        let mut breakdowns = Vec::new();
        if let Some(FieldGroups { name, groups, other_names }) = self.field {
            if !groups.has_values() {
                bail!("cannot group by {}: {}", quoted(&name), absent(&other_names));
            }
            breakdowns.push(Breakdown { by: GroupedBy::Field(name), groups: groups.finish() });
        }
        if let Some(length) = self.length {
            breakdowns.push(Breakdown { by: GroupedBy::Length, groups: length.finish() });
        }
        Ok(breakdowns)
    }
}

impl FieldGroups {
    fn add(&mut self, document: &Document<'_>, answer: &Answer<'_>, truth: &[usize]) {
        self.groups.add(document.field(&self.name).as_deref(), answer, truth);
        if self.groups.has_values() {
            return;
        }
        for name in document.field_names() {
            if self.other_names.len() == MAX_FIELD_NAMES {
                return;
            }
            if !self.other_names.contains(&*name) {
                self.other_names.insert(name.into_owned());
            }
        }
    }
}

/// Why no document has a value, with the names that would have been found.
fn absent(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "this format has no fields besides text and topics; use JSON Lines or CSV"
            .to_owned();
    }
    format!(
        "no document has a value in it; the fields are {}",
        listed(names.iter().map(AsRef::as_ref))
    )
}
