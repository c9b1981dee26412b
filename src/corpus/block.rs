//! Cuts an input into blocks of whole records, at places that depend on the bytes alone.

use std::io::{self, BufRead, Read as _};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::document::{self, CsvColumns, Document, FASTTEXT_LABEL};
use super::{CorpusError, Input, Progress};

/// The format of a corpus file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values with a header.
    Csv,
    /// fastText's training format.
    FastText,
}

/// About how many bytes a block holds.
const BLOCK_BYTES: usize = 256 << 10;
/// The longest record, in bytes: what is longer is no article, and must not fill the memory.
pub(super) const MAX_RECORD_BYTES: usize = 32 << 20;

/// Some records of one input.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) input: Arc<str>,
    records: Records,
}

#[derive(Debug)]
enum Records {
    /// Whole lines, the first of which has this number.
    Lines { format: Format, first_line: u64, bytes: Vec<u8> },
    /// Parsed records with the line each begins in.
    Csv { columns: CsvColumns, records: Vec<(u64, Result<csv::StringRecord, String>)> },
}

impl Block {
    /// The memory of its lines, to be used again.
    pub(super) fn into_buffer(self) -> Option<Vec<u8>> {
        match self.records {
            Records::Lines { bytes, .. } => Some(bytes),
            Records::Csv { .. } => None,
        }
    }

    /// Calls `on_record` with the line of each record and the document in it, or why there is none, until it says stop.
    pub(super) fn for_each(&self, mut on_record: impl FnMut(u64, Result<Document<'_>, String>)) {
        match &self.records {
            Records::Lines { format, first_line, bytes } => {
                for (number, line) in (*first_line..).zip(lines(bytes)) {
                    if line.trim_ascii().is_empty() {
                        continue;
                    }
                    let document = if line.len() > MAX_RECORD_BYTES {
                        Err(format!("the line is longer than {} MiB", MAX_RECORD_BYTES >> 20))
                    } else {
                        match std::str::from_utf8(line) {
                            Err(error) => Err(format!("not valid UTF-8 at byte {}", error.valid_up_to() + 1)),
                            Ok(line) if *format == Format::FastText => document::from_fasttext(line),
                            Ok(line) => document::from_json(line),
                        }
                    };
                    on_record(number, document);
                }
            }
            Records::Csv { columns, records } => {
                for (line, record) in records {
                    let document = match record {
                        Ok(record) => document::from_csv(record, columns),
                        Err(reason) => Err(reason.clone()),
                    };
                    on_record(*line, document);
                }
            }
        }
    }
}

/// What stands between line feeds: one piece more than there are of those.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]).map(move |end| &bytes[std::mem::replace(&mut start, end + 1)..end])
}

/// Reads one input, block by block, and feeds its decompressed bytes to a fingerprint.
pub(super) struct Blocks {
    name: Arc<str>,
    source: Source,
}

enum Source {
    Lines { format: Format, reader: Box<dyn BufRead + Send>, next_line: u64, rest: Vec<u8>, ended: bool },
    Csv { columns: CsvColumns, reader: Box<csv::Reader<Hashed>> },
}

impl Blocks {
    pub(super) fn open(input: &Input, format: Option<Format>, progress: &Progress) -> Result<Self, CorpusError> {
        let name: Arc<str> = input.to_string().into();
        let failed = |source| CorpusError::Read { input: input.to_string(), line: 0, source };
        let mut reader = input.open(progress).map_err(failed)?;
        let format = match format {
            Some(format) => format,
            None => guess_format(input, reader.fill_buf().map_err(failed)?),
        };
        let source = if format == Format::Csv {
            let hashed = Hashed { inner: reader, sha256: Sha256::new(), since_record: 0 };
            let mut reader = csv::ReaderBuilder::new().from_reader(hashed);
            let header = reader
                .headers()
                .map_err(|error| CorpusError::Header { input: input.to_string(), reason: error.to_string() })?;
            let columns =
                CsvColumns::from_header(header).map_err(|reason| CorpusError::Header { input: input.to_string(), reason })?;
            Source::Csv { columns, reader: Box::new(reader) }
        } else {
            Source::Lines { format, reader, next_line: 1, rest: Vec::new(), ended: false }
        };
        Ok(Self { name, source })
    }

    /// The next block; None at the end of the input. `buffer` is memory for it.
    pub(super) fn next(&mut self, fingerprint: &mut Sha256, buffer: Vec<u8>) -> Result<Option<Block>, CorpusError> {
        let records = match &mut self.source {
            Source::Lines { format, reader, next_line, rest, ended } => {
                let failed = |line: u64, source| CorpusError::Read { input: self.name.to_string(), line: line - 1, source };
                let mut bytes = buffer;
                bytes.clear();
                bytes.append(rest);
                while !(*ended || bytes.len() >= BLOCK_BYTES && memchr::memrchr(b'\n', &bytes).is_some()) {
                    let before = bytes.len();
                    let read = (&mut *reader)
                        .take(BLOCK_BYTES as u64)
                        .read_to_end(&mut bytes)
                        .map_err(|error| failed(*next_line, error))?;
                    fingerprint.update(&bytes[before..]);
                    *ended = read == 0;
                    if bytes.len() > 2 * MAX_RECORD_BYTES && !bytes.contains(&b'\n') {
                        let reason = format!("the line is longer than {} MiB", MAX_RECORD_BYTES >> 20);
                        return Err(failed(*next_line, io::Error::new(io::ErrorKind::InvalidData, reason)));
                    }
                }
                if !*ended && let Some(last) = memchr::memrchr(b'\n', &bytes) {
                    rest.extend_from_slice(&bytes[last + 1..]);
                    bytes.truncate(last + 1);
                }
                if bytes.is_empty() {
                    return Ok(None);
                }
                let first_line = *next_line;
                *next_line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
                Records::Lines { format: *format, first_line, bytes }
            }
            Source::Csv { columns, reader } => {
                let mut records = Vec::new();
                let mut size = 0;
                while size < BLOCK_BYTES {
                    let mut record = csv::StringRecord::new();
                    reader.get_mut().since_record = 0;
                    let line = reader.position().line();
                    match reader.read_record(&mut record) {
                        Ok(false) => break,
                        Ok(true) => {
                            size += record.as_slice().len() + 1;
                            records.push((record.position().map_or(line, csv::Position::line), Ok(record)));
                        }
                        Err(error) => match error.into_kind() {
                            csv::ErrorKind::Io(source) => {
                                return Err(CorpusError::Read {
                                    input: self.name.to_string(),
                                    line: line.saturating_sub(1),
                                    source,
                                });
                            }
                            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                                let reason = format!("the record has {len} fields where the header has {expected_len}");
                                records.push((pos.map_or(line, |pos| pos.line()), Err(reason)));
                            }
                            csv::ErrorKind::Utf8 { pos, err } => {
                                let reason = format!("field {} is not valid UTF-8", err.field() + 1);
                                records.push((pos.map_or(line, |pos| pos.line()), Err(reason)));
                            }
                            other => records.push((line, Err(format!("not a CSV record: {other:?}")))),
                        },
                    }
                }
                if records.is_empty() {
                    fingerprint.update(reader.get_ref().sha256.clone().finalize());
                    return Ok(None);
                }
                Records::Csv { columns: columns.clone(), records }
            }
        };
        Ok(Some(Block { input: Arc::clone(&self.name), records }))
    }
}

/// By the file's name, else by its first bytes.
fn guess_format(input: &Input, start: &[u8]) -> Format {
    let extension = match input {
        Input::Stdin => None,
        Input::File(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
            plain.rsplit_once('.').map(|(_, extension)| extension.to_owned())
        }
    };
    match extension.as_deref() {
        Some("jsonl" | "ndjson") => Format::JsonLines,
        Some("csv") => Format::Csv,
        _ => {
            let start = start.trim_ascii_start();
            // Nothing at all is no CSV file without a header: it is no document, in any format.
            if start.is_empty() || start.starts_with(b"{") {
                Format::JsonLines
            } else if start.starts_with(FASTTEXT_LABEL.as_bytes()) {
                Format::FastText
            } else {
                Format::Csv
            }
        }
    }
}

/// Hashes what passes through, and ends a record that would fill the memory (a quote that is never closed).
struct Hashed {
    inner: Box<dyn BufRead + Send>,
    sha256: Sha256,
    since_record: usize,
}

impl io::Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.sha256.update(&buffer[..count]);
        self.since_record += count;
        if self.since_record > 2 * MAX_RECORD_BYTES {
            let reason = format!("a record is longer than {} MiB: is a quote left open?", MAX_RECORD_BYTES >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(count)
    }
}
