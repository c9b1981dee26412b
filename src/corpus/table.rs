//! Takes documents from the records of a table.

use std::borrow::Cow;

use super::columns::{Columns, TableRecord};
use super::document::{Document, Record};
use super::json_topics;
use super::json_value::reason;
use super::labels::is_labels;
use super::names::quoted;

/// The document in a record. A cell of several topics separates them with semicolons, or is a JSON
/// list.
///
/// # Errors
/// In words, if the record is not a document.
pub(super) fn document<'a>(
    columns: &'a Columns,
    record: &'a csv::StringRecord,
) -> Result<Document<'a>, String> {
    let cell = |place: Option<usize>| place.and_then(|at| record.get(at)).unwrap_or("");
    let story = cell(columns.story).trim();
    let topics = match columns.topics {
        None => Vec::new(),
        Some(place) if columns.may_hold_labels(place) && is_labels(cell(Some(place))) => Vec::new(),
        Some(place) => topics(cell(Some(place)))
            .map_err(|reason| format!("{}: {reason}", quoted(columns.name(place))))?,
    };
    Document {
        id: Cow::Borrowed(cell(columns.id)),
        title: Cow::Borrowed(cell(columns.title)),
        body: Cow::Borrowed(cell(columns.body)),
        topics,
        story: (!story.is_empty()).then_some(Cow::Borrowed(story)),
        ..Document::new(Record::Table(TableRecord { columns, record }))
    }
    .checked()
}

/// The topics in a cell. What looks like JSON but does not parse is a name.
///
/// # Errors
/// In words, if the cell is JSON without names of topics.
fn topics(cell: &str) -> Result<Vec<Cow<'_, str>>, String> {
    if cell.trim_start().starts_with(['[', '{']) {
        match json_topics::of_cell(cell) {
            Ok(topics) => return Ok(topics),
            Err(error) if error.is_data() => return Err(reason(&error)),
            Err(_) => {}
        }
    }
    let names = cell.split(';').map(str::trim).filter(|topic| !topic.is_empty());
    Ok(names.map(Cow::Borrowed).collect())
}

#[cfg(test)]
mod tests {
    use super::super::FieldNames;
    use super::*;

    fn columns(header: &[&str]) -> Result<Columns, String> {
        Columns::from_header(header.iter().copied(), &FieldNames::default())
    }

    #[test]
    fn columns_are_found_by_name() {
        let columns = columns(&["Topic", "headline", "text"]).expect("known columns");
        for cell in ["a; b", r#"["a", "b"]"#] {
            let record = csv::StringRecord::from(vec![cell, "t", "x"]);
            let document = document(&columns, &record).expect("a document");
            assert_eq!((&*document.title, &*document.body), ("t", "x"));
            assert_eq!(document.topics, ["a", "b"]);
        }
    }

    #[test]
    fn a_cell_of_json_names_topics_as_a_record_does() {
        let columns = columns(&["category", "text"]).expect("known columns");
        let topics = |cell: &str| {
            let record = csv::StringRecord::from(vec![cell, "x"]);
            document(&columns, &record)
                .map(|document| document.topics.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(topics(r#"{"id": 1, "name": "a;b"}"#).expect("a name"), ["a;b"]);
        assert_eq!(topics(r#"[1.5, null, {"name": "a"}]"#).expect("a list"), ["1.5", "a"]);
        assert!(
            topics(r#"{"id": 1}"#)
                .expect_err("no name")
                .starts_with("\"category\": an object is a topic only if")
        );
        assert_eq!(topics("[a]; b").expect("names"), ["[a]", "b"]);
    }
}
