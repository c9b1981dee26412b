//! Reads the records of a CSV file, with their first lines.

use std::io::{self, BufRead};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::columns::Columns;
use super::names::FieldNames;
use super::quotes::{self, Sample};
use super::record::{MAX_RECORD_BYTES, too_long};

/// The first line of a record, and the record or what is wrong with it.
pub(super) type NumberedRecord = (u64, Result<csv::StringRecord, String>);

/// Reads records one by one.
pub(super) struct CsvRecords {
    columns: Arc<Columns>,
    reader: csv::Reader<Hashed>,
    record: csv::ByteRecord,
    dialect: Dialect,
    /// Called once with a doubt about the quotation marks of a tab-separated table.
    warn: Option<Warn>,
}

/// Prints a warning, preceded by the name of the input.
pub(super) type Warn = Box<dyn FnOnce(&str) + Send>;

/// How the fields of a record are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Whether a field that begins with a quotation mark extends to the next one.
    pub(super) is_quoted: bool,
}

impl Dialect {
    /// The dialect of a tab-separated table, by its beginning.
    pub(super) fn of_tabs(sample: Sample<'_>) -> Self {
        Self { delimiter: b'\t', is_quoted: quotes::are_meant(sample, b'\t') }
    }
}

/// Why the header cannot be read.
pub(super) enum HeaderError {
    Read(io::Error),
    Bad { line: u64, reason: String },
}

impl CsvRecords {
    /// Reads the header. `start` is the beginning of what the reader holds.
    pub(super) fn new(
        reader: Box<dyn BufRead + Send>,
        start: &[u8],
        dialect: Dialect,
        names: &FieldNames,
        warn: Option<Warn>,
    ) -> Result<Self, HeaderError> {
        // With line feeds as the only terminator, a record's last line feed is known to be read, so
        // that lines can be counted. Without line feeds, carriage returns end records.
        let has_line_feeds = start.contains(&b'\n') || !start.contains(&b'\r');
        let terminator =
            if has_line_feeds { csv::Terminator::Any(b'\n') } else { csv::Terminator::CRLF };
        let hashed = Hashed {
            inner: reader,
            sha256: Sha256::new(),
            since_record: 0,
            tail: vec![b'\n'],
            is_at_end: false,
        };
        let reader = csv::ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .quoting(dialect.is_quoted)
            .terminator(terminator)
            .has_headers(false)
            .flexible(true)
            .from_reader(hashed);
        let nothing = Columns::from_header(["text"], &FieldNames::default());
        let columns = Arc::new(nothing.map_err(|reason| HeaderError::Bad { line: 1, reason })?);
        let mut records = Self { columns, reader, record: csv::ByteRecord::new(), dialect, warn };
        let line = records.advance().map_err(HeaderError::Read)?.unwrap_or(1);
        let header: Vec<_> = records.record.iter().map(String::from_utf8_lossy).collect();
        let columns = Columns::from_header(header.iter().map(AsRef::as_ref), names);
        records.columns = Arc::new(columns.map_err(|reason| HeaderError::Bad { line, reason })?);
        Ok(records)
    }

    pub(super) fn columns(&self) -> Arc<Columns> {
        Arc::clone(&self.columns)
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> u64 {
        self.reader.position().line()
    }

    /// The SHA-256 of everything read so far.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.reader.get_ref().sha256.clone().finalize().into()
    }

    /// The next record; None at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<NumberedRecord>> {
        let Some(line) = self.advance()? else { return Ok(None) };
        self.look_at_marks(line);
        let (count, expected) = (self.record.len(), self.columns.names().count());
        let record = csv::StringRecord::from_byte_record(self.record.clone())
            .map_err(|error| format!("field {} is not valid UTF-8", error.utf8_error().field() + 1))
            .and_then(|record| {
                if count == expected { Ok(record) } else { Err(self.unequal(count, expected)) }
            });
        Ok(Some((line, record)))
    }

    /// Warns where a quotation mark at the beginning of a field may not be meant as one.
    fn look_at_marks(&mut self, line: u64) {
        if self.dialect.delimiter != b'\t' || self.warn.is_none() {
            return;
        }
        let warning = if self.dialect.is_quoted {
            let is_joined = |field: &[u8]| {
                memchr::memchr(b'\n', field).is_some() && memchr::memchr(b'\t', field).is_some()
            };
            self.record
                .iter()
                .any(is_joined)
                .then_some("a field holds tabs and line breaks: is a quote left open?")
        } else {
            let is_marked = self.record.iter().any(|field| field.starts_with(b"\""));
            is_marked
                .then_some("quotes are read as text, for they do not enclose fields throughout")
        };
        if let Some(warning) = warning
            && let Some(warn) = self.warn.take()
        {
            warn(&format!(":{line}: {warning}"));
        }
    }

    fn unequal(&self, count: usize, expected: usize) -> String {
        let fields = if count == 1 { "field" } else { "fields" };
        let open =
            if self.record.as_slice().contains(&b'\n') { ": is a quote left open?" } else { "" };
        format!("the record has {count} {fields} where the header has {expected}{open}")
    }

    /// Reads the next record that is not blank; returns its first line.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        loop {
            self.reader.get_mut().since_record = 0;
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => {
                    return Err(match error.into_kind() {
                        csv::ErrorKind::Io(error) => error,
                        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
                    });
                }
            }
            let source = self.reader.get_ref();
            // The line break at the end of an open quote belongs to the field.
            let is_open = source.is_at_end
                && self.record.iter().next_back().is_some_and(|field| field.ends_with(b"\n"))
                && !source.ends_with_closed_line_break();
            let is_ended = !source.is_at_end || (source.tail.ends_with(b"\n") && !is_open);
            // Blank lines before a record belong to none: its first line is counted from its end.
            let inside = memchr::memchr_iter(b'\n', self.record.as_slice()).count() as u64;
            let line =
                self.reader.position().line().saturating_sub(inside + u64::from(is_ended)).max(1);
            self.without_carriage_return();
            if self.record.len() > 1 || !self.record.as_slice().trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// Strips the carriage return of a line break from the last field.
    fn without_carriage_return(&mut self) {
        let last = self.record.len().saturating_sub(1);
        if let Some(field) = self.record.get(last).and_then(|field| field.strip_suffix(b"\r")) {
            let mut record: csv::ByteRecord = self.record.iter().take(last).collect();
            record.push_field(field);
            self.record = record;
        }
    }
}

/// Hashes what passes through, and stops a record that would exhaust memory, such as after a quote
/// that is never closed.
struct Hashed {
    inner: Box<dyn BufRead + Send>,
    sha256: Sha256,
    since_record: usize,
    /// The last bytes so far.
    tail: Vec<u8>,
    is_at_end: bool,
}

impl Hashed {
    /// Whether a field that ends with a line break was closed, at the end of the input.
    fn ends_with_closed_line_break(&self) -> bool {
        [&b"\n\""[..], b"\n\"\n", b"\n\"\r\n"].iter().any(|end| self.tail.ends_with(end))
    }
}

/// Bytes to remember of the end of the input: a line break, a quotation mark, a line break.
const TAIL_BYTES: usize = 4;

impl io::Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.sha256.update(&buffer[..count]);
        self.since_record += count;
        self.is_at_end = count == 0;
        self.tail.extend_from_slice(&buffer[count.saturating_sub(TAIL_BYTES)..count]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_BYTES));
        if self.since_record > 2 * MAX_RECORD_BYTES {
            let reason = format!("{}: is a quote left open?", too_long("a record"));
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<u64> {
        let reader = Box::new(io::Cursor::new(text.as_bytes().to_vec()));
        let dialect = Dialect { delimiter: b',', is_quoted: true };
        let Ok(mut records) =
            CsvRecords::new(reader, text.as_bytes(), dialect, &FieldNames::default(), None)
        else {
            panic!("a header: {text}")
        };
        std::iter::from_fn(|| records.next().expect("memory")).map(|(line, _)| line).collect()
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        for ending in ["\n", "\r\n"] {
            for (text, expected) in [
                ("title,topics\na,x\nb,y\n", vec![2, 3]),
                ("title,topics\n\n\na,x\n\nb,y", vec![4, 6]),
                ("\n\ntitle,topics\n\"a\n\nb\",x\n\nc,y\n\n", vec![4, 8]),
                ("title,topics\na,\"x\n\"\n\nb,y\nc,z", vec![2, 5, 6]),
                ("title,topics\n", vec![]),
                // A quote left open, and fields that end with a line break.
                ("title,topics\na,x\nb,\"y\nc,z\n", vec![2, 3]),
                ("title,topics\na,x\nb,\"y\nc,z\n\n", vec![2, 3]),
                ("title,topics\na,x\nb,\"y \"\"\nc,\"\"\n", vec![2, 3]),
                ("title,topics\na,x\nb,\"y\n\"\n", vec![2, 3]),
                ("title,topics\na,x\nb,\"y\n\"", vec![2, 3]),
            ] {
                assert_eq!(
                    lines(&text.replace('\n', ending)),
                    expected,
                    "{text:?} with {ending:?}"
                );
            }
        }
    }
}
