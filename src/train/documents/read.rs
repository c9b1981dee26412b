//! Reads documents back. No file makes it panic, or allocate more than a multiple of what was read.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::header::{DocumentsError, Header, MAGIC, VERSION, invalid};
use super::row::Row;
use super::store::{Documents, MAX_NUMBER};
use crate::article::{TopicName, is_language_code};
use crate::corpus::End;
use crate::model::Labels;
use crate::model::artifact::DOCUMENTS_FILE;
use crate::text::{MAX_WORD_BYTES, TermHash};

/// The maximum size of a value of the file: the stamp, the header, and any other.
const MAX_STAMP_BYTES: u32 = 64;
const MAX_HEADER_BYTES: u32 = 1 << 16;
const MAX_VALUE_BYTES: u32 = 1 << 28;

impl Header {
    /// Reads the header of the documents of the model in a directory.
    ///
    /// # Errors
    /// [`DocumentsError`]; what follows the header is not read.
    pub fn read(directory: &Path) -> Result<Self, DocumentsError> {
        Reader::open(directory).map(|reader| reader.header)
    }
}

type Source = zstd::Decoder<'static, BufReader<Box<dyn Read>>>;

/// The documents of a model, after their header was read.
pub(crate) struct Reader {
    path: PathBuf,
    source: Source,
    header: Header,
    end: End,
}

impl Reader {
    /// Opens the documents of the model in a directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, DocumentsError> {
        let path = directory.join(DOCUMENTS_FILE);
        match File::open(&path) {
            Ok(file) => Self::from_bytes(Box::new(file), path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(DocumentsError::Missing { path })
            }
            Err(source) => Err(DocumentsError::Read { path, source }),
        }
    }

    /// `path` is for errors.
    pub(super) fn from_bytes(bytes: Box<dyn Read>, path: PathBuf) -> Result<Self, DocumentsError> {
        let at = |error| DocumentsError::new(path.clone(), error);
        let mut source = Source::new(bytes).map_err(at)?;
        let found = read_version(&mut source).map_err(at)?;
        if found != VERSION {
            return Err(DocumentsError::Version { path, found });
        }
        let header = read_header(&mut source).map_err(at)?;
        let end = header.end().map_err(at)?;
        Ok(Self { path, source, header, end })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the documents; returns them and where they end.
    pub(crate) fn read(mut self) -> Result<(Documents, End), DocumentsError> {
        match read_documents(&mut self.source, &self.header) {
            Ok(documents) => Ok((documents, self.end)),
            Err(error) => Err(DocumentsError::new(self.path, error)),
        }
    }
}

/// Reads the next value of the file, of at most `most` bytes.
fn read_value(source: &mut Source, most: u32) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    source.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    ensure(length <= most, || format!("a value of {length} bytes where at most {most} fit"))?;
    let mut value = Vec::new();
    if source.take(length.into()).read_to_end(&mut value)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(value)
}

fn read_text(source: &mut Source) -> io::Result<String> {
    let text = String::from_utf8(read_value(source, MAX_VALUE_BYTES)?);
    text.map_err(|_| invalid("a text that is not UTF-8"))
}

fn read_version(source: &mut Source) -> io::Result<u32> {
    match read_value(source, MAX_STAMP_BYTES).map(|stamp| postcard::from_bytes(&stamp)) {
        Ok(Ok((MAGIC, version))) => Ok(version),
        Err(error) if error.raw_os_error().is_some() => Err(error),
        _ => Err(invalid("it was not written by this version of slugline, or is damaged")),
    }
}

fn read_header(source: &mut Source) -> io::Result<Header> {
    let header: Header = serde_json::from_slice(&read_value(source, MAX_HEADER_BYTES)?)
        .map_err(|error| invalid(format!("the header: {error}")))?;
    let language = &header.language_code;
    ensure(
        language.is_empty() || is_language_code(language),
        || "the language is not a language code",
    )?;
    Ok(header)
}

fn read_documents(source: &mut Source, header: &Header) -> io::Result<Documents> {
    let mut documents = Documents::default();
    for name in read_text(source)?.split_terminator('\n') {
        let name = TopicName::new(name).map_err(|error| invalid(format!("a topic: {error}")))?;
        let next = documents.topics.len();
        let number = documents.topic_number(name) as usize;
        ensure(number == next && next < MAX_NUMBER, || "two topics of the same name")?;
    }
    loop {
        let words = read_text(source)?;
        if words.is_empty() {
            break;
        }
        words.split('\n').try_for_each(|word| read_word(word, &mut documents))?;
    }
    let expected = header.corpus.document_count;
    while (documents.len() as u64) < expected {
        Row::decode(&read_value(source, MAX_VALUE_BYTES)?, |row| {
            check(&row, header, &documents)?;
            documents.push_row(&row)
        })?;
    }
    ensure(source.read(&mut [0])? == 0, || "unexpected data after its end")?;
    let found = documents.len();
    ensure(found as u64 == expected, || {
        format!("it has {found} documents where it says {expected}")
    })?;
    Ok(documents)
}

fn read_word(word: &str, documents: &mut Documents) -> io::Result<()> {
    let bytes = word.len();
    ensure((1..=MAX_WORD_BYTES).contains(&bytes), || format!("a word of {bytes} bytes"))?;
    let is_space = |c: char| c.is_whitespace() || c.is_control();
    ensure(!word.contains(is_space), || "a word with white space in it")?;
    let next = documents.dictionary.len();
    ensure(next < MAX_NUMBER, || "more words than can be numbered")?;
    let number = documents.dictionary.number(TermHash::of_word(word.as_bytes()), word);
    ensure(number as usize == next, || "a word twice")
}

/// Refuses a row that no document has as its counts.
fn check(row: &Row<'_>, header: &Header, documents: &Documents) -> io::Result<()> {
    let Row { topics, words, pairs, .. } = row;
    let is_labelled = !topics.is_empty() || header.labels == Labels::Multiple;
    ensure(is_labelled, || "a document without a topic")?;
    let is_topic = |&topic: &u32| (topic as usize) < documents.topics.len();
    ensure(topics.iter().all(is_topic), || "a topic number out of range")?;
    let distinct = topics.iter().collect::<HashSet<_>>().len();
    ensure(distinct == topics.len(), || "a topic twice in a document")?;

    let dictionary = &documents.dictionary;
    let is_word = |&[word, _]: &[u32; 2]| (word as usize) < dictionary.len();
    ensure(words.iter().all(is_word), || "a word number out of range")?;
    let in_order = words.is_sorted_by(|a, b| dictionary.hash(a[0]) < dictionary.hash(b[0]));
    ensure(in_order, || "a word twice in a document, or out of its order")?;
    ensure(words.iter().all(|&[_, count]| count > 0), || "a word that does not occur")?;
    let total = words.iter().try_fold(0u32, |sum, &[_, count]| sum.checked_add(count));
    ensure(total.is_some(), || "more words in a document than can be counted")?;

    let is_place = |place: u32| (place as usize) < words.len();
    let is_pair = pairs.iter().all(|&[first, second, _]| is_place(first) && is_place(second));
    ensure(is_pair, || "a pair of words that the document does not have")?;
    let in_order = pairs.is_sorted_by(|a, b| a[..2] < b[..2]);
    ensure(in_order, || "a pair twice in a document, or out of its order")?;
    ensure(pairs.iter().all(|&[.., count]| count > 0), || "a pair that does not occur")
}

fn ensure<R: Into<String>>(is_sound: bool, reason: impl FnOnce() -> R) -> io::Result<()> {
    if is_sound { Ok(()) } else { Err(invalid(reason())) }
}
