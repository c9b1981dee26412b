//! Finds out which column of a table holds what.

use super::names::{FieldNames, Role, ambiguous, is_same, listed, plain, quoted, rank};

/// The columns of a table, by what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    names: Vec<String>,
    pub(super) id: Option<usize>,
    pub(super) title: Option<usize>,
    pub(super) body: Option<usize>,
    pub(super) topics: Option<usize>,
    pub(super) story: Option<usize>,
    /// Columns of times, sources and languages, preferred names first, and columns of labels.
    extra: Vec<ExtraColumn>,
}

/// A column of something besides id, text and topics.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ExtraColumn {
    role: Role,
    /// The key of the labels in it, where its name has one.
    label_key: Option<String>,
    place: usize,
}

/// A cell of something besides id, text and topics.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExtraCell<'a> {
    pub(super) role: Role,
    /// The key of the label in it, where the column's name has one.
    pub(super) label_key: Option<&'a str>,
    /// The name of its column.
    pub(super) column: &'a str,
    pub(super) text: &'a str,
}

/// A record of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableRecord<'a> {
    pub(super) columns: &'a Columns,
    pub(super) record: &'a csv::StringRecord,
}

impl<'a> TableRecord<'a> {
    /// The cell in the column of this name: the one that is written so, or else the first that is
    /// the same regardless of case, blanks, hyphens and underscores. None where there is none.
    pub(super) fn field(self, wanted: &str) -> Option<&'a str> {
        let place = self
            .columns
            .names()
            .position(|name| name == wanted)
            .or_else(|| self.columns.names().position(|name| is_same(wanted, name)))?;
        self.record.get(place)
    }

    /// The cells of what is neither id nor text nor topics; blank ones are left out.
    pub(super) fn extra(self) -> impl Iterator<Item = ExtraCell<'a>> {
        self.columns.extra.iter().filter_map(move |column| {
            let text = self.record.get(column.place).unwrap_or("").trim();
            (!text.is_empty()).then_some(ExtraCell {
                role: column.role,
                label_key: column.label_key.as_deref(),
                column: self.columns.name(column.place),
                text,
            })
        })
    }
}

/// The key of a label in the name of its column: `desk` in `labels.desk`.
pub(super) fn label_key(name: &str) -> Option<&str> {
    let (labels, key) = name.trim().split_once('.')?;
    (matches!(plain(labels).as_str(), "labels" | "label") && !key.is_empty()).then_some(key)
}

/// The names in a header, with what each is taken for.
struct Header<'h> {
    columns: Vec<&'h str>,
    names: &'h FieldNames,
}

impl Header<'_> {
    fn with_role(&self, role: Role) -> Vec<usize> {
        let places = self.columns.iter().enumerate();
        places
            .filter(|(_, name)| self.names.role(name) == Some(role))
            .map(|(place, _)| place)
            .collect()
    }

    /// The columns of a role, preferred names first.
    fn ranked(&self, role: Role) -> Vec<usize> {
        let mut places = self.with_role(role);
        places.sort_by_key(|place| rank(self.columns[*place]));
        places
    }

    fn only(&self, role: Role, places: &[usize]) -> Result<Option<usize>, String> {
        match places {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            [first, second, ..] => {
                Err(ambiguous(role, self.columns[*first], self.columns[*second]))
            }
        }
    }

    /// Checks that the columns named by flags exist.
    fn check_named(&self) -> Result<(), String> {
        for (wanted, role, flag) in [
            (&self.names.title, Role::Title, "--title-field"),
            (&self.names.body, Role::Body, "--body-field"),
            (&self.names.topics, Role::Topics, "--topics-field"),
        ] {
            if let Some(wanted) = wanted
                && self.with_role(role).is_empty()
            {
                return Err(format!(
                    "{flag}: there is no column {}; the header has {}",
                    quoted(wanted),
                    self.listed()
                ));
            }
        }
        Ok(())
    }

    fn listed(&self) -> String {
        listed(self.columns.iter().copied())
    }

    fn topics(&self) -> Result<Option<usize>, String> {
        let mut places = self.with_role(Role::Topics);
        if self.names.takes_labels_for_topics() {
            places.extend(self.with_role(Role::Labels));
            places.sort_unstable();
        }
        self.only(Role::Topics, &places)
    }

    fn extra(&self) -> Vec<ExtraColumn> {
        let of_role = |role| {
            let places =
                if role == Role::Labels { self.with_role(role) } else { self.ranked(role) };
            places.into_iter().map(move |place| ExtraColumn { role, label_key: None, place })
        };
        let keyed = self.columns.iter().enumerate().filter_map(|(place, name)| {
            let label_key = Some(label_key(name)?.to_owned());
            Some(ExtraColumn { role: Role::Labels, label_key, place })
        });
        let others = [Role::Time, Role::Source, Role::Language].into_iter().flat_map(of_role);
        of_role(Role::Labels).chain(keyed).chain(others).collect()
    }
}

impl Columns {
    /// Reads the header.
    ///
    /// # Errors
    /// In words, if no column holds text, two columns could be the same thing, or one that a flag
    /// names does not exist.
    pub(super) fn from_header<'h>(
        header: impl IntoIterator<Item = &'h str>,
        names: &'h FieldNames,
    ) -> Result<Self, String> {
        let header = Header { columns: header.into_iter().map(str::trim).collect(), names };
        header.check_named()?;
        let columns = Self {
            id: header.ranked(Role::Id).first().copied(),
            title: header.only(Role::Title, &header.with_role(Role::Title))?,
            body: header.only(Role::Body, &header.with_role(Role::Body))?,
            topics: header.topics()?,
            story: header.with_role(Role::Story).first().copied(),
            extra: header.extra(),
            names: header.columns.iter().map(|&name| name.to_owned()).collect(),
        };
        if columns.title.is_none() && columns.body.is_none() {
            return Err(format!(
                "the first line names no column of text, such as \"title\" or \"body\": it has {}; \
                 --title-field and --body-field name columns, --delimiter sets the delimiter, \
                 --format another format",
                header.listed()
            ));
        }
        Ok(columns)
    }

    /// The names of the columns, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The name of the column at a place.
    pub(super) fn name(&self, place: usize) -> &str {
        &self.names[place]
    }

    /// Whether the column at a place may hold labels.
    pub(super) fn may_hold_labels(&self, place: usize) -> bool {
        self.extra.iter().any(|column| column.role == Role::Labels && column.place == place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_found_by_the_name_of_its_column() {
        let header = ["text", "Source-Name", "sourcename"];
        let columns = Columns::from_header(header, &FieldNames::default()).expect("known columns");
        let record = csv::StringRecord::from(vec!["x", "a", "b"]);
        let record = TableRecord { columns: &columns, record: &record };
        let found = ["sourcename", "SOURCE_NAME", "desk"].map(|name| record.field(name));
        assert_eq!(found, [Some("b"), Some("a"), None]);
    }

    #[test]
    fn ambiguous_columns_are_refused() {
        let reason = |header: &[&str]| {
            Columns::from_header(header.iter().copied(), &FieldNames::default())
                .expect_err("two of a kind")
        };
        assert_eq!(
            reason(&["text", "Content"]),
            "\"text\" and \"Content\" could both be the body: choose one with --body-field"
        );
        assert!(reason(&["text", "label", "category"]).contains("--topics-field"));
        assert!(reason(&["title", "title"]).contains("\"title\" occurs twice"));
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
}
