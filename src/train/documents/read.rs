//! Reads documents back; no bytes make it panic or take memory on their word.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::block::{Block, read};
use super::header::{DocumentsError, Header, Stamp};
use super::store::{Documents, MAX_NUMBER, Row, TEXTS_PER_PART};
use crate::article::{TopicName, is_language_code};
use crate::corpus::{End, Ordinal};
use crate::model::Labels;
use crate::model::artifact::DOCUMENTS_FILE;
use crate::text::{MAX_WORD_BYTES, TermHash};

/// The most bytes of the values of a file.
const MAX_STAMP_BYTES: u32 = 64;
const MAX_HEADER_BYTES: u32 = 1 << 16;
const MAX_PART_BYTES: u32 = (TEXTS_PER_PART * (MAX_WORD_BYTES + 1)) as u32;
const MAX_BLOCK_BYTES: u32 = 1 << 28;

/// Why reading ends.
enum Failure {
    Io(io::Error),
    Version(u32),
    Damaged(String),
}

impl Failure {
    fn at(self, path: PathBuf) -> DocumentsError {
        match self {
            // What the system says, and not the decompressor.
            Self::Io(source) if source.raw_os_error().is_some() => {
                DocumentsError::Read { path, source }
            }
            Self::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                DocumentsError::Damaged { path, reason: "it is truncated".to_owned() }
            }
            Self::Io(source) => DocumentsError::Damaged { path, reason: source.to_string() },
            Self::Version(found) => DocumentsError::Version { path, found },
            Self::Damaged(reason) => DocumentsError::Damaged { path, reason },
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn damaged<T>(reason: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Damaged(reason.into()))
}

impl Header {
    /// Reads the header of the documents of the model in a directory.
    ///
    /// # Errors
    /// [`DocumentsError`], each with what to do; what follows the header is not looked at.
    pub fn read(directory: &Path) -> Result<Self, DocumentsError> {
        Reader::open(directory).map(|reader| reader.header)
    }
}

type Source = zstd::Decoder<'static, BufReader<Box<dyn Read>>>;

/// The documents of a model, of which the header is read.
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
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DocumentsError::Missing { path });
            }
            Err(source) => return Err(DocumentsError::Read { path, source }),
            Ok(file) => file,
        };
        Self::from_bytes(Box::new(file), path)
    }

    /// `path` is for errors.
    pub(super) fn from_bytes(bytes: Box<dyn Read>, path: PathBuf) -> Result<Self, DocumentsError> {
        let opened = Source::new(bytes).map_err(Failure::from).and_then(|mut source| {
            let (header, end) = read_header(&mut source)?;
            Ok((source, header, end))
        });
        match opened {
            Ok((source, header, end)) => Ok(Self { path, source, header, end }),
            Err(failure) => Err(failure.at(path)),
        }
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The documents, and where they end.
    pub(crate) fn read(mut self) -> Result<(Documents, End), DocumentsError> {
        match read_documents(&mut self.source, &self.header) {
            Ok(documents) => Ok((documents, self.end)),
            Err(failure) => Err(failure.at(self.path)),
        }
    }
}

fn read_header(source: &mut Source) -> Result<(Header, End), Failure> {
    match read::<Stamp>(source, MAX_STAMP_BYTES) {
        Err(error) if error.raw_os_error().is_some() => return Err(error.into()),
        Ok(stamp) if stamp == Stamp::CURRENT => {}
        Ok(stamp) if stamp.is_ours() => return Err(Failure::Version(stamp.version)),
        _ => return damaged("it was not written by this version of slugline, or is damaged"),
    }
    let json: String = read(source, MAX_HEADER_BYTES)?;
    let header: Header =
        serde_json::from_str(&json).or_else(|error| damaged(format!("the header: {error}")))?;
    if !header.language_code.is_empty() && !is_language_code(&header.language_code) {
        return damaged("the language is not a language code");
    }
    let end = header.end().or_else(damaged)?;
    Ok((header, end))
}

fn read_documents(source: &mut Source, header: &Header) -> Result<Documents, Failure> {
    let mut documents = Documents::default();
    let (topic_count, word_count, block_count): (u64, u64, u64) = read(source, MAX_STAMP_BYTES)?;
    if topic_count > MAX_NUMBER as u64 || word_count > MAX_NUMBER as u64 {
        return damaged("more topics or words than can be numbered");
    }
    while (documents.topics.len() as u64) < topic_count {
        read_topics(&read::<String>(source, MAX_PART_BYTES)?, &mut documents)?;
    }
    while (documents.dictionary.len() as u64) < word_count {
        read_words(&read::<String>(source, MAX_PART_BYTES)?, &mut documents)?;
    }
    for _ in 0..block_count {
        let block: Block = read(source, MAX_BLOCK_BYTES)?;
        read_block(&block, header, &mut documents)?;
    }
    if source.read(&mut [0])? > 0 {
        return damaged("unexpected data after its end");
    }
    let (found, expected) = (documents.len(), header.corpus.document_count);
    if found as u64 != expected {
        return damaged(format!("it has {found} documents where it says {expected}"));
    }
    Ok(documents)
}

fn read_topics(names: &str, documents: &mut Documents) -> Result<(), Failure> {
    for name in names.split('\n') {
        let name = TopicName::new(name).or_else(|error| damaged(format!("a topic: {error}")))?;
        let next = documents.topics.len();
        if documents.topic_number(name) as usize != next {
            return damaged("two topics of the same name");
        }
    }
    Ok(())
}

fn read_words(words: &str, documents: &mut Documents) -> Result<(), Failure> {
    for word in words.split('\n') {
        if word.is_empty() || word.len() > MAX_WORD_BYTES {
            return damaged(format!("a word of {} bytes", word.len()));
        }
        if word.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return damaged("a word with white space in it");
        }
        let next = documents.dictionary.len();
        let number = documents.dictionary.number(TermHash::of_word(word.as_bytes()), word);
        if number as usize != next {
            return damaged("a word twice");
        }
    }
    Ok(())
}

fn read_block(block: &Block, header: &Header, documents: &mut Documents) -> Result<(), Failure> {
    let Block { ordinals, fingerprints, topics, words, pairs } = block;
    let is_sound = topics.is_sound() && words.is_sound() && pairs.is_sound();
    let lengths = [fingerprints.len(), topics.len(), words.len(), pairs.len()];
    if !is_sound || lengths != [ordinals.len(); 4] {
        return damaged("rows that do not fit their documents");
    }
    for (place, (&ordinal, &fingerprints)) in ordinals.iter().zip(fingerprints).enumerate() {
        let row = Row {
            ordinal,
            fingerprints,
            topics: topics.get(place),
            words: words.get(place),
            pairs: pairs.get(place),
        };
        check_ordinal(ordinal, header, documents)?;
        check_topics(row.topics, header.labels, documents)?;
        check_words(row.words, documents)?;
        check_pairs(row.pairs, row.words.len())?;
        documents.push_row(&row)?;
    }
    Ok(())
}

fn check_ordinal(ordinal: Ordinal, header: &Header, documents: &Documents) -> Result<(), Failure> {
    let last = documents.ordinals.last().copied().unwrap_or(0);
    if ordinal <= last || ordinal >= header.end_ordinal {
        return damaged("a document out of its order");
    }
    Ok(())
}

fn check_topics(topics: &[u32], labels: Labels, documents: &Documents) -> Result<(), Failure> {
    if topics.is_empty() && labels == Labels::Single {
        return damaged("a document without a topic");
    }
    if topics.iter().any(|&topic| topic as usize >= documents.topics.len()) {
        return damaged("a topic number out of range");
    }
    if topics.iter().collect::<BTreeSet<_>>().len() < topics.len() {
        return damaged("a topic twice in a document");
    }
    Ok(())
}

fn check_words(words: &[(u32, u32)], documents: &Documents) -> Result<(), Failure> {
    let dictionary = &documents.dictionary;
    if words.iter().any(|&(word, _)| word as usize >= dictionary.len()) {
        return damaged("a word number out of range");
    }
    if words.windows(2).any(|two| dictionary.hash(two[0].0) >= dictionary.hash(two[1].0)) {
        return damaged("a word twice in a document, or out of its order");
    }
    if words.iter().any(|&(_, count)| count == 0) {
        return damaged("a word that does not occur");
    }
    let total = words.iter().try_fold(0u32, |sum, &(_, count)| sum.checked_add(count));
    if total.is_none() { damaged("more words in a document than can be counted") } else { Ok(()) }
}

fn check_pairs(pairs: &[(u32, u32, u32)], word_count: usize) -> Result<(), Failure> {
    let is_word = |place: u32| (place as usize) < word_count;
    if !pairs.iter().all(|&(first, second, _)| is_word(first) && is_word(second)) {
        return damaged("a pair of words that the document does not have");
    }
    if pairs.windows(2).any(|two| (two[0].0, two[0].1) >= (two[1].0, two[1].1)) {
        return damaged("a pair twice in a document, or out of its order");
    }
    if pairs.iter().any(|&(.., count)| count == 0) {
        return damaged("a pair that does not occur");
    }
    Ok(())
}
