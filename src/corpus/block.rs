//! Cuts an input into blocks of whole records, at places that depend only on its bytes.

use std::io::{self, BufRead, Read as _};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::columns::Columns;
use super::csv_records::{CsvRecords, Dialect, HeaderError, NumberedRecord, Warn};
use super::document::Document;
use super::format::{Format, delimiter_by_name, foreign, guess, read_more, read_start};
use super::location::Location;
use super::names::FieldNames;
use super::quotes::Sample;
use super::record::{MAX_RECORD_BYTES, too_long};
use super::survey::{Look, Survey};
use super::values::{Value, Values};
use super::{CorpusError, Input, Options, Progress, fasttext, header, json, table};
use crate::article::Limits;

/// The approximate size of a block.
const BLOCK_BYTES: usize = 256 << 10;

/// Some records of one input.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) input: Arc<str>,
    /// The input's place among all inputs.
    place: usize,
    records: Records,
}

#[derive(Debug)]
enum Records {
    /// Whole lines, with the number of the first.
    Lines { format: Format, first_line: u64, bytes: Vec<u8> },
    /// JSON values within these bytes.
    Values { values: Vec<Value>, bytes: Vec<u8> },
    /// Parsed records, each with its first line.
    Csv { columns: Arc<Columns>, records: Vec<NumberedRecord> },
    /// One article.
    Text(Vec<u8>),
}

impl Block {
    /// The memory of its records, for reuse.
    pub(super) fn into_buffer(self) -> Option<Vec<u8>> {
        match self.records {
            Records::Lines { bytes, .. } | Records::Values { bytes, .. } | Records::Text(bytes) => {
                Some(bytes)
            }
            Records::Csv { .. } => None,
        }
    }

    /// Calls `on_record` with the location of each record and its document, or the reason why it
    /// has none, until `on_record` returns false.
    pub(super) fn for_each(
        &self,
        names: &FieldNames,
        mut on_record: impl FnMut(Location, Result<Document<'_>, String>) -> bool,
    ) {
        let mut emit = |location: Location, document: Result<Document<'_>, String>| {
            let input = self.place;
            on_record(location, document.map(|document| Document { location, input, ..document }))
        };
        match &self.records {
            Records::Lines { format, first_line, bytes } => {
                for (line, text) in (*first_line..).zip(lines(bytes)) {
                    if text.trim_ascii().is_empty() {
                        continue;
                    }
                    let document = utf8(text).and_then(|text| match format {
                        Format::FastText => fasttext::parse(text),
                        _ => json::parse(text, names),
                    });
                    if !emit(line.into(), document) {
                        return;
                    }
                }
            }
            Records::Values { values, bytes } => {
                for Value { location, bytes: value } in values {
                    let value = value.clone().map_err(str::to_owned);
                    let document = value
                        .and_then(|value| utf8(&bytes[value]))
                        .and_then(|text| json::parse(text, names));
                    if !emit(*location, document) {
                        return;
                    }
                }
            }
            Records::Csv { columns, records } => {
                for (line, record) in records {
                    let document = record
                        .as_ref()
                        .map_err(String::clone)
                        .and_then(|record| table::document(columns, record));
                    if !emit((*line).into(), document) {
                        return;
                    }
                }
            }
            Records::Text(bytes) => {
                let document = utf8(bytes).and_then(|text| Document::of_text(text).checked());
                // An error is on line 1; the document as a whole is the input.
                on_record(
                    1.into(),
                    document.map(|document| Document { input: self.place, ..document }),
                );
            }
        }
    }

    /// Surveys the fields of the first records.
    fn survey(&self) -> Survey {
        let mut survey = Survey::default();
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or("");
        match &self.records {
            Records::Lines { format: Format::JsonLines, bytes, .. } => {
                lines(bytes)
                    .map(text)
                    .filter(|line| !line.trim().is_empty())
                    .all(|line| survey.add_json(line));
            }
            Records::Values { values, bytes } => {
                let values = values.iter().filter_map(|value| value.bytes.clone().ok());
                values.map(|value| text(&bytes[value])).all(|value| survey.add_json(value));
            }
            Records::Csv { columns, records } => {
                let records = records.iter().filter_map(|(_, record)| record.as_ref().ok());
                let mut looks =
                    records.map(|record| columns.names().zip(record.iter().map(Look::Text)));
                looks.all(|record| survey.add(record));
            }
            Records::Lines { .. } | Records::Text(_) => {}
        }
        survey
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(too_long("the line"));
    }
    std::str::from_utf8(bytes)
        .map_err(|error| format!("not valid UTF-8 at byte {}", error.valid_up_to() + 1))
}

/// The pieces between line feeds: one more than there are line feeds.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', bytes)
        .chain([bytes.len()])
        .map(move |end| &bytes[std::mem::replace(&mut start, end + 1)..end])
}

/// Reads one input block by block, and feeds its decompressed bytes to a fingerprint.
pub(super) struct Blocks {
    name: Arc<str>,
    place: usize,
    source: Source,
    /// Whether the first block is still to come.
    is_new: bool,
}

enum Source {
    Lines(Box<Lines>),
    Values(Box<Values>),
    Csv(Box<CsvRecords>),
    /// One article; None once it is read.
    Text(Option<Box<dyn BufRead + Send>>),
}

impl Blocks {
    pub(super) fn open(
        (place, input): (usize, &Input),
        options: &Options,
        progress: &Progress,
    ) -> Result<Self, CorpusError> {
        let failed = |source| CorpusError::Read { input: input.to_string(), line: 0, source };
        let mut reader = input.open(progress).map_err(failed)?;
        let mut start = read_start(&mut *reader).map_err(failed)?;
        if let Some(reason) = foreign(&start) {
            return Err(CorpusError::Header {
                input: input.to_string(),
                line: 1,
                reason: reason.to_owned(),
            });
        }
        let names = &options.names;
        let format =
            options.format.unwrap_or_else(|| guess(input, &start, names, options.takes_text));
        let by_content = || {
            options
                .delimiter
                .or_else(|| delimiter_by_name(input))
                .unwrap_or_else(|| header::delimiter(&start, names))
        };
        let dialect = match (format == Format::Csv).then(by_content) {
            Some(b'\t') => {
                let is_whole = read_more(&mut *reader, &mut start).map_err(failed)?;
                Dialect::of_tabs(Sample { bytes: &start, is_whole })
            }
            delimiter => Dialect { delimiter: delimiter.unwrap_or(b','), is_quoted: true },
        };
        let rest = reader;
        let reader =
            || -> Box<dyn BufRead + Send> { Box::new(io::Cursor::new(start.clone()).chain(rest)) };
        let source = match format {
            Format::JsonLines | Format::FastText => {
                Source::Lines(Box::new(Lines::new(format, reader())))
            }
            Format::Json => Source::Values(Box::new(Values::new(reader()))),
            Format::Text => Source::Text(Some(reader())),
            Format::Csv => {
                let warn = options.warn.map(|warn| {
                    let name = input.to_string();
                    Box::new(move |warning: &str| warn(&format!("{name}{warning}"))) as Warn
                });
                let records =
                    CsvRecords::new(reader(), &start, dialect, names, warn).map_err(|error| {
                        match error {
                            HeaderError::Read(error) => failed(error),
                            HeaderError::Bad { line, reason } => {
                                CorpusError::Header { input: input.to_string(), line, reason }
                            }
                        }
                    })?;
                Source::Csv(Box::new(records))
            }
        };
        Ok(Self { name: input.to_string().into(), place, source, is_new: true })
    }

    /// The next block; None at the end of the input. `buffer` is memory for it. `look` is called
    /// with a survey of the first block.
    pub(super) fn next(
        &mut self,
        fingerprint: &mut Sha256,
        buffer: Vec<u8>,
        look: impl FnOnce(&str, &Survey),
    ) -> Result<Option<Block>, CorpusError> {
        let records = self.source.next(fingerprint, buffer).map_err(|(line, source)| {
            CorpusError::Read { input: self.name.to_string(), line, source }
        })?;
        let Some(records) = records else { return Ok(None) };
        let block = Block { input: Arc::clone(&self.name), place: self.place, records };
        if std::mem::take(&mut self.is_new) {
            look(&self.name, &block.survey());
        }
        Ok(Some(block))
    }
}

impl Source {
    /// The next records. An error comes with the last line read whole, 0 if none.
    fn next(
        &mut self,
        fingerprint: &mut Sha256,
        mut buffer: Vec<u8>,
    ) -> Result<Option<Records>, (u64, io::Error)> {
        buffer.clear();
        match self {
            Self::Lines(lines) => lines.next(fingerprint, buffer),
            Self::Values(source) => {
                let mut values = Vec::new();
                while buffer.len() < BLOCK_BYTES {
                    let next = source
                        .next(&mut buffer, fingerprint)
                        .map_err(|error| (source.line() - 1, error))?;
                    let Some(value) = next else { break };
                    values.push(value);
                }
                Ok((!values.is_empty()).then_some(Records::Values { values, bytes: buffer }))
            }
            Self::Csv(source) => {
                let (mut records, mut size) = (Vec::new(), 0);
                while size < BLOCK_BYTES {
                    let line = source.line();
                    let next = source.next().map_err(|error| (line.saturating_sub(1), error))?;
                    let Some(record) = next else { break };
                    size += record.1.as_ref().map_or(0, |record| record.as_slice().len() + 1);
                    records.push(record);
                }
                if records.is_empty() {
                    fingerprint.update(source.fingerprint());
                    return Ok(None);
                }
                Ok(Some(Records::Csv { columns: source.columns(), records }))
            }
            Self::Text(reader) => {
                let Some(reader) = reader.take() else { return Ok(None) };
                let most = Limits::default().article_bytes;
                reader
                    .take(most as u64 + 1)
                    .read_to_end(&mut buffer)
                    .map_err(|error| (0, error))?;
                if buffer.len() > most {
                    let reason =
                        format!("it is larger than {most} bytes, the most an article may have");
                    return Err((0, io::Error::new(io::ErrorKind::InvalidData, reason)));
                }
                fingerprint.update(&buffer);
                Ok(Some(Records::Text(buffer)))
            }
        }
    }
}

/// Reads whole lines.
struct Lines {
    format: Format,
    reader: Box<dyn BufRead + Send>,
    next_line: u64,
    rest: Vec<u8>,
    has_ended: bool,
}

impl Lines {
    fn new(format: Format, reader: Box<dyn BufRead + Send>) -> Self {
        Self { format, reader, next_line: 1, rest: Vec::new(), has_ended: false }
    }

    fn next(
        &mut self,
        fingerprint: &mut Sha256,
        mut bytes: Vec<u8>,
    ) -> Result<Option<Records>, (u64, io::Error)> {
        let read_so_far = self.next_line - 1;
        bytes.append(&mut self.rest);
        while !(self.has_ended
            || bytes.len() >= BLOCK_BYTES && memchr::memrchr(b'\n', &bytes).is_some())
        {
            let before = bytes.len();
            let read = (&mut *self.reader)
                .take(BLOCK_BYTES as u64)
                .read_to_end(&mut bytes)
                .map_err(|error| {
                    (read_so_far + memchr::memchr_iter(b'\n', &bytes).count() as u64, error)
                })?;
            fingerprint.update(&bytes[before..]);
            self.has_ended = read == 0;
            if bytes.len() > 2 * MAX_RECORD_BYTES && !bytes.contains(&b'\n') {
                let error = io::Error::new(io::ErrorKind::InvalidData, too_long("the line"));
                return Err((read_so_far, error));
            }
        }
        if !self.has_ended
            && let Some(last) = memchr::memrchr(b'\n', &bytes)
        {
            self.rest.extend_from_slice(&bytes[last + 1..]);
            bytes.truncate(last + 1);
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first_line = self.next_line;
        self.next_line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Some(Records::Lines { format: self.format, first_line, bytes }))
    }
}
