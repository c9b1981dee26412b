//! Records: articles as bytes, with a checksum.
//!
//! `[the first 16 bytes of SHA-256 over kind and payload][payload]`, where the kind is that of the
//! frame around the record. The payload is `[size of the uncompressed article u32][the article,
//! compressed with zstd]`, little-endian. The article is encoded with postcard, and followed by a
//! list of which of its topics are assigned. Records from before that list have none; the first of
//! their topics is assigned.

use std::io;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use zstd::bulk::{Compressor, Decompressor};

use super::ArchivedArticle;

const CHECKSUM_BYTES: usize = 16;
const SIZE_BYTES: usize = 4;
/// Halves the size of news text. Higher levels take twice the time for a few per cent.
const COMPRESSION_LEVEL: i32 = 1;
/// The maximum size of an article, in bytes, for storing and for decompressing.
pub(super) const MAX_ARTICLE_BYTES: usize = 64 << 20;

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An article.
    Article = 1,
    /// The deletion of an article.
    Deletion = 2,
}

impl Kind {
    pub(super) fn of_byte(byte: u8) -> Option<Self> {
        [Self::Article, Self::Deletion].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Why bytes are not the record they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// They were changed.
    #[error("it does not match its checksum")]
    Checksum,
    /// They were written as they are, but are not an article.
    #[error("it is not an encoded article")]
    Format,
    /// They are missing.
    #[error("its journal is missing or was truncated")]
    Missing,
    /// The journal is damaged at their position.
    #[error("its journal is damaged")]
    Lost,
    /// An article was lost whose id cannot be read.
    #[error("it was not found, and the archive has lost articles whose ids are unknown")]
    MayBeLost,
}

fn checksum(kind: Kind, payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::new_with_prefix([kind as u8]).chain_update(payload).finalize();
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&digest[..CHECKSUM_BYTES]);
    checksum
}

/// The payload of a record, if it matches the checksum.
///
/// # Errors
/// [`RecordError::Checksum`].
pub(super) fn open(kind: Kind, record: &[u8]) -> Result<&[u8], RecordError> {
    let (sum, payload) = record.split_at_checked(CHECKSUM_BYTES).ok_or(RecordError::Checksum)?;
    if sum == checksum(kind, payload) { Ok(payload) } else { Err(RecordError::Checksum) }
}

/// Idle compressors, for reuse: creating one takes longer than compressing a short article.
struct IdlePool<T>(Mutex<Vec<T>>);

impl<T> IdlePool<T> {
    /// The maximum number of idle compressors; there are only more while many threads write at
    /// once.
    const MAX_IDLE: usize = 8;

    fn with<R>(
        &self,
        make: impl FnOnce() -> io::Result<T>,
        work: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut taken = free.map_or_else(make, Ok)?;
        let done = work(&mut taken);
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < Self::MAX_IDLE {
            free.push(taken);
        }
        done
    }
}

static COMPRESSORS: IdlePool<Compressor<'static>> = IdlePool(Mutex::new(Vec::new()));
static DECOMPRESSORS: IdlePool<Decompressor<'static>> = IdlePool(Mutex::new(Vec::new()));

/// An article as uncompressed bytes.
fn plain(article: &ArchivedArticle) -> Vec<u8> {
    // Its fields are strings, numbers and lists of known length, all of which postcard can encode.
    let plain = postcard::to_stdvec(article).expect("an article can be written");
    let assigned: Vec<bool> = article.topics.iter().map(|topic| topic.is_assigned).collect();
    postcard::to_extend(&assigned, plain).expect("a list can be written")
}

impl ArchivedArticle {
    /// Identifies this state of the article: the first 16 bytes of SHA-256 over everything that is
    /// stored, in hexadecimal. The etag of an article is the same in every archive.
    pub fn etag(&self) -> String {
        hex::encode(&Sha256::digest(plain(self))[..16])
    }
}

/// The record of an article.
pub(super) fn of_article(article: &ArchivedArticle) -> Vec<u8> {
    let plain = plain(article);
    let compressed = COMPRESSORS
        .with(|| Compressor::new(COMPRESSION_LEVEL), |compressor| compressor.compress(&plain));
    // The output buffer is large enough for any input.
    let compressed = compressed.expect("memory is compressed into");
    let mut record = vec![0; CHECKSUM_BYTES];
    record.extend((plain.len() as u32).to_le_bytes());
    record.extend(compressed);
    let sum = checksum(Kind::Article, &record[CHECKSUM_BYTES..]);
    record[..CHECKSUM_BYTES].copy_from_slice(&sum);
    record
}

/// The article of a record.
///
/// # Errors
/// [`RecordError`].
pub(super) fn to_article(record: &[u8]) -> Result<ArchivedArticle, RecordError> {
    let (size, compressed) = open(Kind::Article, record)?
        .split_first_chunk::<SIZE_BYTES>()
        .ok_or(RecordError::Format)?;
    let size = u32::from_le_bytes(*size) as usize;
    if size > MAX_ARTICLE_BYTES {
        return Err(RecordError::Format);
    }
    let plain = DECOMPRESSORS
        .with(Decompressor::new, |decompressor| decompressor.decompress(compressed, size));
    plain.ok().and_then(|plain| parse(&plain)).ok_or(RecordError::Format)
}

fn parse(plain: &[u8]) -> Option<ArchivedArticle> {
    let (mut article, rest): (ArchivedArticle, _) = postcard::take_from_bytes(plain).ok()?;
    let assigned: Vec<bool> = match rest {
        [] => (0..article.topics.len()).map(|place| place == 0).collect(),
        _ => postcard::from_bytes(rest).ok()?,
    };
    if assigned.len() != article.topics.len() {
        return None;
    }
    article
        .topics
        .iter_mut()
        .zip(assigned)
        .for_each(|(topic, is_assigned)| topic.is_assigned = is_assigned);
    Some(article)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::ArticleText;
    use crate::index::StoredTopic;

    fn article() -> ArchivedArticle {
        let text = ArticleText { title: "Title", body: "Body with ünïcödé" };
        ArchivedArticle::new("a/1".parse().expect("an id"), text)
    }

    #[test]
    fn a_record_gives_its_article_back() {
        assert_eq!(to_article(&of_article(&article())), Ok(article()));
    }

    fn with_topics() -> ArchivedArticle {
        let topic = |name: &str, is_assigned| StoredTopic {
            name: name.to_owned(),
            probability: 0.4,
            is_assigned,
        };
        ArchivedArticle { topics: vec![topic("sport", false), topic("world", true)], ..article() }
    }

    #[test]
    fn a_record_keeps_which_topics_are_assigned() {
        assert_eq!(to_article(&of_article(&with_topics())), Ok(with_topics()));
    }

    #[test]
    fn in_a_record_of_an_earlier_version_the_first_topic_is_assigned() {
        let plain = postcard::to_stdvec(&with_topics()).expect("an article can be written");
        let assigned = parse(&plain)
            .map(|article| article.topics.iter().map(|topic| topic.is_assigned).collect());
        assert_eq!(assigned, Some(vec![true, false]));
        // The list belongs to another article.
        assert_eq!(parse(&[plain, vec![1, 1]].concat()), None);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_detected() {
        let record = of_article(&article());
        for bit in 0..8 * record.len() {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(to_article(&damaged), Err(RecordError::Checksum), "bit {bit}");
        }
        for length in 0..record.len() {
            assert_eq!(to_article(&record[..length]), Err(RecordError::Checksum), "{length} bytes");
        }
    }

    #[test]
    fn a_payload_that_is_not_an_article_is_refused() {
        let sealed = |payload: &[u8]| [&checksum(Kind::Article, payload), payload].concat();
        for payload in [&b""[..], b"abc", &[4, 0, 0, 0, 1, 2, 3], &[255; 20]] {
            assert_eq!(to_article(&sealed(payload)), Err(RecordError::Format), "{payload:?}");
        }
    }

    #[test]
    fn a_record_of_another_kind_is_refused() {
        assert_eq!(open(Kind::Deletion, &of_article(&article())), Err(RecordError::Checksum));
    }
}
