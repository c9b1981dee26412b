//! Tables: which column of a CSV file is what, and a document from one of its records.

use std::borrow::Cow;

use super::document::{Document, Record};
use super::extra::is_labels;
use super::names::{FieldNames, Role, ambiguous, listed, plain, quoted, rank};
use super::{json, json_topics};

/// Where the columns of a table are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    names: Vec<String>,
    id: Option<usize>,
    title: Option<usize>,
    body: Option<usize>,
    topics: Option<usize>,
    story: Option<usize>,
    /// Time, source and language, those of the better names first, and labels, with their keys
    /// where a column has one.
    extra: Vec<(Role, Option<String>, usize)>,
}

/// A record of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableRecord<'a> {
    pub(super) columns: &'a Columns,
    record: &'a csv::StringRecord,
}

impl<'a> TableRecord<'a> {
    /// What stands in the columns besides id, text and topics, where they are not blank; of a label
    /// with its key. The third is the column's name.
    pub(super) fn extra(self) -> impl Iterator<Item = (Role, Option<&'a str>, &'a str, &'a str)> {
        self.columns.extra.iter().filter_map(move |(role, key, at)| {
            let text = self.record.get(*at).unwrap_or("").trim();
            (!text.is_empty()).then_some((
                *role,
                key.as_deref(),
                self.columns.names[*at].as_str(),
                text,
            ))
        })
    }
}

/// The key of a label in the name of a column of its own: "labels.desk".
fn label_key(name: &str) -> Option<&str> {
    let (labels, key) = name.trim().split_once('.')?;
    (matches!(plain(labels).as_str(), "labels" | "label") && !key.is_empty()).then_some(key)
}

impl Columns {
    /// Reads the header.
    ///
    /// # Errors
    /// In words, if no column holds text, two could be the same thing, or one that was named is not
    /// there.
    pub(super) fn from_header<'h>(
        header: impl IntoIterator<Item = &'h str>,
        names: &FieldNames,
    ) -> Result<Self, String> {
        let header: Vec<&str> = header.into_iter().map(str::trim).collect();
        let with_role = |role: Role| {
            let places = header.iter().enumerate();
            places
                .filter(move |(_, name)| names.role(name) == Some(role))
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        };
        let only = |role: Role, places: &[usize]| match places {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            [first, second, ..] => Err(ambiguous(role, header[*first], header[*second])),
        };
        let best = |role: Role| {
            let mut places = with_role(role);
            places.sort_by_key(|at| rank(header[*at]));
            places
        };
        for (wanted, role, flag) in [
            (&names.title, Role::Title, "--title-field"),
            (&names.body, Role::Body, "--body-field"),
            (&names.topics, Role::Topics, "--topics-field"),
        ] {
            if let Some(wanted) = wanted
                && with_role(role).is_empty()
            {
                let columns = listed(header.iter().copied());
                return Err(format!(
                    "{flag}: there is no column {}; the header has {columns}",
                    quoted(wanted)
                ));
            }
        }
        let mut topics = with_role(Role::Topics);
        let labels = with_role(Role::Labels);
        if names.takes_labels_for_topics() {
            topics.extend(&labels);
            topics.sort_unstable();
        }
        let keyed = header
            .iter()
            .enumerate()
            .filter_map(|(at, name)| Some((Role::Labels, Some(label_key(name)?.to_owned()), at)));
        let mut extra: Vec<_> =
            labels.into_iter().map(|at| (Role::Labels, None, at)).chain(keyed).collect();
        for role in [Role::Time, Role::Source, Role::Language] {
            extra.extend(best(role).into_iter().map(|at| (role, None, at)));
        }
        let columns = Self {
            id: best(Role::Id).first().copied(),
            title: only(Role::Title, &with_role(Role::Title))?,
            body: only(Role::Body, &with_role(Role::Body))?,
            topics: only(Role::Topics, &topics)?,
            story: with_role(Role::Story).first().copied(),
            extra,
            names: header.iter().map(|&name| name.to_owned()).collect(),
        };
        if columns.title.is_none() && columns.body.is_none() {
            return Err(format!(
                "the first line names no column of text, such as \"title\" or \"body\": it has {}; --title-field and \
                 --body-field name columns, --delimiter what is between them, --format another format",
                listed(header.iter().copied())
            ));
        }
        Ok(columns)
    }

    /// The names of the columns, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Takes a document from a record; several topics stand in one field with semicolons between,
    /// or as a JSON list.
    pub(super) fn document<'a>(
        &'a self,
        record: &'a csv::StringRecord,
    ) -> Result<Document<'a>, String> {
        let field = |column: Option<usize>| column.and_then(|at| record.get(at)).unwrap_or("");
        let story = field(self.story).trim();
        let of_cell = |at: usize| {
            topics(field(Some(at)), self.is_labels_too(at)).map_err(|reason| self.at(at, &reason))
        };
        Document {
            id: Cow::Borrowed(field(self.id)),
            title: Cow::Borrowed(field(self.title)),
            body: Cow::Borrowed(field(self.body)),
            topics: self.topics.map(of_cell).transpose()?.unwrap_or_default(),
            story: (!story.is_empty()).then_some(Cow::Borrowed(story)),
            ..Document::new(Record::Table(TableRecord { columns: self, record }))
        }
        .checked()
    }

    fn at(&self, column: usize, reason: &str) -> String {
        format!("{}: {reason}", quoted(&self.names[column]))
    }

    fn is_labels_too(&self, column: usize) -> bool {
        self.extra.iter().any(|(role, _, at)| *role == Role::Labels && *at == column)
    }
}

/// The topics in a cell; none where it holds labels. What looks like JSON and is none is a name.
///
/// # Errors
/// In words, if it is JSON that names no topics.
fn topics(cell: &str, may_be_labels: bool) -> Result<Vec<Cow<'_, str>>, String> {
    if may_be_labels && is_labels(cell) {
        return Ok(Vec::new());
    }
    if cell.trim_start().starts_with(['[', '{']) {
        match json_topics::of_cell(cell) {
            Ok(topics) => return Ok(topics),
            Err(error) if error.is_data() => return Err(json::reason(&error)),
            Err(_) => {}
        }
    }
    Ok(cell
        .split(';')
        .map(str::trim)
        .filter(|topic| !topic.is_empty())
        .map(Cow::Borrowed)
        .collect())
}

/// What a table may be parted by.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// What parts the columns of a table that begins so: what makes most names out of the header that
/// are known, else the most names.
pub(super) fn delimiter(start: &[u8], names: &FieldNames) -> u8 {
    let mut best = (DELIMITERS[0], (0, 0));
    for delimiter in DELIMITERS {
        let header = header(start, delimiter);
        let known = header.iter().filter(|name| names.role(name).is_some()).count();
        if (known, header.len()) > best.1 {
            best = (delimiter, (known, header.len()));
        }
    }
    best.0
}

/// Whether what begins so is a table and not prose: its first line holds several short names, two
/// of which are known, and one is
/// of a text.
pub(super) fn is_table(start: &[u8], names: &FieldNames) -> bool {
    const LONGEST_NAME: usize = 40;
    let header = header(start, delimiter(start, names));
    let roles: Vec<Role> = header.iter().filter_map(|name| names.role(name)).collect();
    header.iter().all(|name| {
        name.len() <= LONGEST_NAME && !name.contains(['.', '!', '?']) || label_key(name).is_some()
    }) && roles.len() >= 2
        && roles.iter().any(|role| matches!(role, Role::Title | Role::Body))
}

fn header(start: &[u8], delimiter: u8) -> Vec<String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(start);
    let mut record = csv::ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => {
            record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &[&str]) -> Result<Columns, String> {
        Columns::from_header(header.iter().copied(), &FieldNames::default())
    }

    #[test]
    fn columns_are_found_by_name() {
        let columns = columns(&["Topic", "headline", "text"]).expect("known columns");
        for cell in ["a; b", r#"["a", "b"]"#] {
            let record = csv::StringRecord::from(vec![cell, "t", "x"]);
            let document = columns.document(&record).expect("a document");
            assert_eq!((&*document.title, &*document.body), ("t", "x"));
            assert_eq!(document.topics, ["a", "b"]);
        }
    }

    #[test]
    fn a_cell_of_json_names_topics_as_a_record_does() {
        let columns = columns(&["category", "text"]).expect("known columns");
        let topics = |cell: &str| {
            let record = csv::StringRecord::from(vec![cell, "x"]);
            columns
                .document(&record)
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

    #[test]
    fn columns_that_could_be_either_are_refused() {
        let reason = |header: &[&str]| columns(header).expect_err("two of a kind");
        assert_eq!(
            reason(&["text", "Content"]),
            "\"text\" and \"Content\" could both be the body: choose one with --body-field"
        );
        assert!(reason(&["text", "label", "category"]).contains("--topics-field"));
        assert!(reason(&["title", "title"]).contains("\"title\" is there twice"));
        assert!(reason(&["x", "y"]).contains(
            "names no column of text, such as \"title\" or \"body\": it has \"x\", \"y\""
        ));
        let names = FieldNames { body: Some("content".to_owned()), ..FieldNames::default() };
        assert!(Columns::from_header(["text", "Content"], &names).is_ok());
        assert!(
            Columns::from_header(["text", "title"], &names)
                .expect_err("not there")
                .contains("no column \"content\"")
        );
    }

    #[test]
    fn the_delimiter_is_seen_by_the_names_it_makes() {
        let seen = |start: &str| delimiter(start.as_bytes(), &FieldNames::default()) as char;
        assert_eq!(seen("title,text;more\na,b\n"), ',');
        assert_eq!(seen("title\ttext, or so\ta\n"), '\t');
        assert_eq!(seen("text;label\nOne, two, three;x\n"), ';');
        assert_eq!(seen("text|label\n"), '|');
        assert_eq!(seen("text\n"), ',');
    }

    #[test]
    fn prose_is_no_table() {
        let is_table = |start: &str| is_table(start.as_bytes(), &FieldNames::default());
        assert!(is_table("id,title,body,date\n1,a,b,c\n"));
        assert!(is_table("label\ttext\n"));
        assert!(!is_table("Text, title and body of the law were read.\n\nMore."));
        assert!(!is_table("Title\n\nbody"));
        assert!(!is_table(""));
    }
}
