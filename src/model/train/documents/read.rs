//! Reads documents as counts back into the training's workers; no bytes make it panic or take
//! memory on their word.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::super::intern::{CountedPair, CountedTerms, CountedWord, Interner};
use super::{DocumentsError, Header, MAGIC, MAX_HEADER_BYTES, VERSION};
use crate::article::{TopicName, is_language_code};
use crate::corpus::End;
use crate::model::artifact::DOCUMENTS_FILE;
use crate::model::manifest::Labels;
use crate::text::{MAX_WORD_BYTES, TermHash};

/// How much is read at a time, in bytes.
const BUFFER_BYTES: usize = 1 << 17;
/// How many documents in a row go to one worker.
const RUN: u64 = 256;
/// Stands for the local id of what a worker has not met.
const NONE: u32 = u32::MAX;

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
                DocumentsError::Damaged { path, reason: "it was cut short".to_owned() }
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

/// The documents of a model, of which the header is read.
pub(in super::super) struct Reader {
    path: PathBuf,
    source: Source,
    header: Header,
    end: End,
}

impl Reader {
    /// Opens the documents of the model in a directory.
    pub(in super::super) fn open(directory: &Path) -> Result<Self, DocumentsError> {
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
        match Source::new(bytes).and_then(|mut source| {
            read_header(&mut source).map(|(header, end)| (source, header, end))
        }) {
            Ok((source, header, end)) => Ok(Self { path, source, header, end }),
            Err(failure) => Err(failure.at(path)),
        }
    }

    pub(in super::super) fn header(&self) -> &Header {
        &self.header
    }

    /// Deals the documents to the workers, and says where they end. At least one worker; after an
    /// error what they hold is worthless.
    pub(in super::super) fn read_into(
        mut self,
        workers: &mut [Interner],
    ) -> Result<End, DocumentsError> {
        read_documents(&mut self.source, &self.header, workers)
            .map_err(|failure| failure.at(self.path))?;
        Ok(self.end)
    }
}

fn read_header(source: &mut Source) -> Result<(Header, End), Failure> {
    if source.array()? != MAGIC {
        return damaged("it holds no documents of a slugline model");
    }
    let version = u32::from_le_bytes(source.array()?);
    if version != VERSION {
        return Err(Failure::Version(version));
    }
    let length = u32::from_le_bytes(source.array()?);
    if length > MAX_HEADER_BYTES {
        return damaged(format!("a header of {length} bytes"));
    }
    let mut json = Vec::new();
    source.take_bytes(length as usize, &mut json)?;
    let header: Header =
        serde_json::from_slice(&json).or_else(|error| damaged(format!("the header: {error}")))?;
    if !header.language_code.is_empty() && !is_language_code(&header.language_code) {
        return damaged("the language is none");
    }
    let end = header.end().or_else(damaged)?;
    Ok((header, end))
}

fn read_documents(
    source: &mut Source,
    header: &Header,
    workers: &mut [Interner],
) -> Result<(), Failure> {
    let mut table = Table::new(workers.len());
    let mut ordinal = 0u64;
    let mut documents = 0u64;
    loop {
        let step = source.number()?;
        if step == 0 {
            break;
        }
        ordinal = ordinal.saturating_add(step);
        if ordinal >= header.end_ordinal {
            return damaged("a document stands behind the last one");
        }
        let worker = (documents / RUN % workers.len() as u64) as usize;
        table.read_document(source, &mut workers[worker], worker, header.labels)?;
        workers[worker].add_counted(ordinal, &table.local_topics, &table.terms).or_else(damaged)?;
        documents += 1;
    }
    let expected = source.digest();
    if source.array::<32>()? != expected {
        return damaged("its SHA-256 is not the one it says");
    }
    if !source.is_at_end()? {
        return damaged("it goes on behind its end");
    }
    if documents != header.corpus.document_count {
        return damaged(format!(
            "{documents} documents where it says {}",
            header.corpus.document_count
        ));
    }
    Ok(())
}

/// What the file's numbers stand for, and what each worker knows it by.
struct Table {
    topics: Vec<(TopicName, Vec<u32>)>,
    words: Vec<(TermHash, std::ops::Range<usize>)>,
    texts: String,
    /// Worker by worker, by number.
    local_words: Vec<Vec<u32>>,
    /// Of the document being read: local ids.
    local_topics: Vec<u32>,
    terms: CountedTerms,
    text: Vec<u8>,
}

impl Table {
    fn new(worker_count: usize) -> Self {
        Self {
            topics: Vec::new(),
            words: Vec::new(),
            texts: String::new(),
            local_words: vec![Vec::new(); worker_count],
            local_topics: Vec::new(),
            terms: CountedTerms::default(),
            text: Vec::new(),
        }
    }

    fn read_document(
        &mut self,
        source: &mut Source,
        interner: &mut Interner,
        worker: usize,
        labels: Labels,
    ) -> Result<(), Failure> {
        self.local_topics.clear();
        let topic_count = source.number()?;
        if topic_count == 0 && labels == Labels::Single {
            return damaged("a document without a topic");
        }
        for _ in 0..topic_count {
            self.read_topic(source, interner, worker)?;
        }
        self.read_words(source, interner, worker)?;
        self.read_pairs(source)
    }

    fn read_topic(
        &mut self,
        source: &mut Source,
        interner: &mut Interner,
        worker: usize,
    ) -> Result<(), Failure> {
        let number = source.number()?;
        if number > self.topics.len() as u64 {
            return damaged("a topic that was never introduced");
        }
        let number = number as usize;
        if number == self.topics.len() {
            let length = source.number()?;
            if length > TopicName::MAX_BYTES as u64 {
                return damaged("a topic of too long a name");
            }
            source.take_bytes(length as usize, &mut self.text)?;
            let name = std::str::from_utf8(&self.text)
                .or_else(|error| damaged(format!("a topic's name: {error}")))?;
            let name =
                TopicName::new(name).or_else(|error| damaged(format!("a topic: {error}")))?;
            self.topics.push((name, vec![NONE; self.local_words.len()]));
        }
        let (name, local) = &mut self.topics[number];
        if local[worker] == NONE {
            local[worker] = interner.topic_id(name.as_str()).or_else(damaged)?;
        }
        if self.local_topics.contains(&local[worker]) {
            return damaged("a topic twice in a document");
        }
        self.local_topics.push(local[worker]);
        Ok(())
    }

    fn read_words(
        &mut self,
        source: &mut Source,
        interner: &mut Interner,
        worker: usize,
    ) -> Result<(), Failure> {
        self.terms.words.clear();
        let mut tokens = 0u32;
        for _ in 0..source.number()? {
            let (number, follows) = source.number_and_flag()?;
            if number > self.words.len() as u64 {
                return damaged("a word that was never introduced");
            }
            let number = number as usize;
            if number == self.words.len() {
                self.read_new_word(source)?;
            }
            let count = source.count(follows)?;
            let Some(sum) = tokens.checked_add(count) else {
                return damaged("more words in a document than can be counted");
            };
            tokens = sum;
            let (hash, text) = &self.words[number];
            if self.terms.words.last().is_some_and(|last| last.hash >= *hash) {
                return damaged("a word twice in a document, or out of its order");
            }
            let local = place(&mut self.local_words[worker], number);
            if *local == NONE {
                *local = interner.word_id(*hash, |texts| texts.push_str(&self.texts[text.clone()]));
            }
            self.terms.words.push(CountedWord { hash: *hash, id: *local, count });
        }
        Ok(())
    }

    fn read_new_word(&mut self, source: &mut Source) -> Result<(), Failure> {
        let length = source.number()?;
        if length == 0 || length > MAX_WORD_BYTES as u64 {
            return damaged(format!("a word of {length} bytes"));
        }
        source.take_bytes(length as usize, &mut self.text)?;
        let text =
            std::str::from_utf8(&self.text).or_else(|error| damaged(format!("a word: {error}")))?;
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return damaged("a word with white space in it");
        }
        if self.words.len() >= (u32::MAX / 2) as usize {
            return damaged("more words than can be numbered");
        }
        let start = self.texts.len();
        self.texts.push_str(text);
        self.words.push((TermHash::of_word(text.as_bytes()), start..self.texts.len()));
        Ok(())
    }

    fn read_pairs(&mut self, source: &mut Source) -> Result<(), Failure> {
        let CountedTerms { words, pairs } = &mut self.terms;
        pairs.clear();
        let mut last = (0, None);
        for _ in 0..source.number()? {
            let (step, follows) = source.number_and_flag()?;
            let (first, second) = (step.saturating_add(last.0), source.number()?);
            let word_count = words.len() as u64;
            if first >= word_count || second >= word_count {
                return damaged("a pair of words that the document does not have");
            }
            if (first, Some(second)) <= last {
                return damaged("a pair twice in a document, or out of its order");
            }
            last = (first, Some(second));
            pairs.push(CountedPair {
                first: first as u32,
                second: second as u32,
                count: source.count(follows)?,
            });
        }
        Ok(())
    }
}

/// Where a number's local id stands; [`NONE`] where there was none.
fn place(local: &mut Vec<u32>, number: usize) -> &mut u32 {
    if local.len() <= number {
        local.resize(number + 1, NONE);
    }
    &mut local[number]
}

/// The decompressed bytes, and the SHA-256 of those taken so far.
struct Source {
    decoder: zstd::Decoder<'static, io::BufReader<Box<dyn Read>>>,
    buffer: Vec<u8>,
    at: usize,
    sha256: Sha256,
}

impl Source {
    fn new(bytes: Box<dyn Read>) -> Result<Self, Failure> {
        Ok(Self {
            decoder: zstd::Decoder::new(bytes)?,
            buffer: Vec::new(),
            at: 0,
            sha256: Sha256::new(),
        })
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> Result<bool, Failure> {
        self.sha256.update(&self.buffer[..self.at]);
        self.at = 0;
        self.buffer.resize(BUFFER_BYTES, 0);
        let outcome = self.decoder.read(&mut self.buffer);
        self.buffer.truncate(*outcome.as_ref().unwrap_or(&0));
        outcome?;
        Ok(!self.buffer.is_empty())
    }

    fn byte(&mut self) -> Result<u8, Failure> {
        if self.at == self.buffer.len() && !self.fill()? {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.at += 1;
        Ok(self.buffer[self.at - 1])
    }

    /// `length` is small: checked by the caller.
    fn take_bytes(&mut self, length: usize, into: &mut Vec<u8>) -> Result<(), Failure> {
        into.clear();
        for _ in 0..length {
            into.push(self.byte()?);
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, Failure> {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        damaged("a number of more than 63 bits")
    }

    /// A number, and whether a count follows.
    fn number_and_flag(&mut self) -> Result<(u64, bool), Failure> {
        let value = self.number()?;
        Ok((value >> 1, value & 1 == 1))
    }

    fn count(&mut self, follows: bool) -> Result<u32, Failure> {
        if !follows {
            return Ok(1);
        }
        match u32::try_from(self.number()?) {
            Ok(count) if count > 0 => Ok(count),
            _ => damaged("a term that occurs never, or too often"),
        }
    }

    fn digest(&self) -> [u8; 32] {
        self.sha256.clone().chain_update(&self.buffer[..self.at]).finalize().into()
    }

    fn is_at_end(&mut self) -> Result<bool, Failure> {
        Ok(self.at == self.buffer.len() && !self.fill()?)
    }
}
