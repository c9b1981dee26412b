//! Turns documents into articles to store.

use super::times::publish_time;
use crate::corpus::{Document, Extra, WrittenTime, quoted};
use crate::grpc::pb;

/// The warning about labels that cannot be stored.
const OTHER_LABELS: &str = "\"labels\" is neither an object nor KEY=VALUE, and is not stored: \
                            topics are those that the server finds";

/// The article of a document to import, as [`to_put`] makes it.
///
/// # Errors
/// What is wrong with it, in words: it has no id, or a field of the wrong kind.
pub(super) fn to_import(
    document: &Document<'_>,
    warn: impl FnMut(&'static str, &str),
) -> Result<pb::ArchivedArticle, String> {
    if document.id.is_empty() {
        return Err(document.no_id());
    }
    to_put(document, warn)
}

/// The article to store of a document. `warn` is told what is not stored: what it was taken for,
/// and a sentence.
///
/// # Errors
/// What is wrong with it, in words: a field is of the wrong kind.
pub(super) fn to_put(
    document: &Document<'_>,
    mut warn: impl FnMut(&'static str, &str),
) -> Result<pb::ArchivedArticle, String> {
    let Extra { language_code, publish_times, source, labels, has_other_labels, passed_over } =
        document.extra()?;
    if has_other_labels {
        warn("labels", OTHER_LABELS);
    }
    for (what, reason) in &passed_over {
        warn(what, &format!("{reason}: it is not stored"));
    }
    let time = first_time(publish_times, &mut warn)?;
    Ok(pb::ArchivedArticle {
        id: document.id.to_string(),
        title: document.title.to_string(),
        body: document.body.to_string(),
        language_code: language_code.into_owned(),
        publish_time: time,
        source: source.into_owned(),
        labels,
        ..pb::ArchivedArticle::default()
    })
}

/// The first of a record's times that can be read. `warn` is told, as by [`to_put`], of guessed
/// ones before it that cannot.
///
/// # Errors
/// In words: a time that is not guessed cannot be read.
pub(super) fn first_time(
    times: Vec<WrittenTime<'_>>,
    mut warn: impl FnMut(&'static str, &str),
) -> Result<Option<prost_types::Timestamp>, String> {
    for WrittenTime { name, text, is_guessed } in times {
        match publish_time(&text) {
            Ok(time) => return Ok(Some(time)),
            Err(reason) if is_guessed => {
                warn("time", &format!("{}: {reason}: it is not stored", quoted(&name)))
            }
            Err(reason) => return Err(reason),
        }
    }
    Ok(None)
}
