//! No bytes make the reader panic, and none but a whole file are taken for one.

use std::io::{Cursor, Read as _};

use proptest::prelude::*;

use super::super::intern::Interner;
use super::*;
use crate::corpus::Document;

fn header() -> Header {
    let corpus = CorpusRecord { document_count: 5, skipped_count: 1, sha256: "ab".repeat(32) };
    let end = End { ordinal: 3 << 32, fingerprint: [0xab; 32] };
    Header::new(TextOptions::default(), Labels::Single, "en".to_owned(), corpus, &end)
}

fn interners(count: usize) -> Vec<Interner> {
    let interner =
        |_| Interner::new(TextOptions::default(), Labels::Single, Some(BagWriter::new(count)));
    (0..count).map(interner).collect()
}

/// Five documents, dealt to two workers.
fn workers() -> Vec<Interner> {
    let mut workers = interners(2);
    for (worker, ordinal, body, topics) in [
        (0, 1, "late goal wins the match", &["sport"][..]),
        (1, (1 << 32) + 1, "the bank raises the rate the bank cut", &["business"]),
        (1, (1 << 32) + 2, "late bank", &["business", "sport"]),
        (0, (2 << 32) + 7, "!?", &["sport"]),
        (0, (2 << 32) + 9, "goal goal goal the rate", &["world"]),
    ] {
        let document = Document::of_text(body).with_topics(topics);
        workers[worker].add(ordinal, &document).expect("a document");
    }
    workers
}

fn bytes(workers: &mut [Interner]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let bags = workers.iter_mut().filter_map(|worker| worker.bags.take()).collect();
    let documents =
        write(tempfile::tempfile().expect("a temporary file"), workers, bags, &header())
            .expect("a temporary file");
    documents.bytes().read_to_end(&mut bytes).expect("memory");
    bytes
}

fn read(bytes: Vec<u8>, worker_count: usize) -> Result<Vec<Interner>, DocumentsError> {
    let reader =
        Reader::from_bytes(Box::new(Cursor::new(bytes)), PathBuf::from("old/1/documents.bags"))?;
    let mut workers = interners(worker_count);
    let end = reader.read_into(&mut workers)?;
    assert_eq!(end, End { ordinal: 3 << 32, fingerprint: [0xab; 32] });
    Ok(workers)
}

fn packed(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("memory")
}

fn unpacked() -> Vec<u8> {
    zstd::decode_all(bytes(&mut workers()).as_slice()).expect("our own stream")
}

/// The content with a SHA-256 that fits it.
fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    use sha2::Digest as _;
    let digest: [u8; 32] = sha2::Sha256::digest(&content).into();
    content.extend_from_slice(&digest);
    packed(&content)
}

#[test]
fn what_is_written_is_read_back_by_any_number_of_workers() {
    let written = bytes(&mut workers());
    for count in [1, 2, 3] {
        let mut again = read(written.clone(), count).expect("our own file");
        assert!(bytes(&mut again) == written, "{count} workers");
    }
}

#[test]
fn the_order_of_the_text_is_not_in_it() {
    let document = |body: &'static str| Document::of_text(body).with_topics(&["x"]);
    let options = TextOptions { pairs: false, ..TextOptions::default() };
    let [one, other] = ["late goal wins the match", "the match wins late goal"].map(|body| {
        let mut worker = [Interner::new(options, Labels::Single, Some(BagWriter::new(1)))];
        worker[0].add(1, &document(body)).expect("a document");
        bytes(&mut worker)
    });
    assert!(one == other);
}

#[test]
fn what_is_wrong_is_said() {
    let content = unpacked();
    let with = |at: usize, byte: u8| {
        let mut content = content.clone();
        content[at] = byte;
        packed(&content)
    };
    let mut longer = content.clone();
    longer.push(0);
    let mut behind = packed(&content);
    behind.push(0);
    for (bytes, words) in [
        (Vec::new(), "cut short"),
        (b"{}".to_vec(), "damaged"),
        (packed(b"something else"), "no documents of a slugline model"),
        (packed(&content[..content.len() - 1]), "cut short"),
        (with(8, 3), "format version 3"),
        (with(15, 0xff), "header"),
        (with(content.len() - 1, content[content.len() - 1] ^ 1), "SHA-256"),
        (packed(&longer), "behind its end"),
        (behind, "damaged"),
    ] {
        let error = read(bytes, 2).expect_err(words).to_string();
        assert!(
            error.contains(words) && error.contains("old/1/documents.bags"),
            "{words:?} is not in: {error}"
        );
        assert!(error.contains("train anew"), "{error}");
    }
}

proptest! {
    #[test]
    fn a_file_that_was_cut_or_altered_is_refused(cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(), bit in 0..8u32) {
        let whole = bytes(&mut workers());
        prop_assert!(read(whole[..cut.index(whole.len())].to_vec(), 2).is_err());
        let mut altered = unpacked();
        let at = flip.index(altered.len());
        altered[at] ^= 1u8 << bit;
        prop_assert!(read(packed(&altered), 2).is_err());
        // A bit of zstd's own may mean nothing; then the documents are what they were.
        let mut altered = whole.clone();
        let at = flip.index(altered.len());
        altered[at] ^= 1u8 << bit;
        if let Ok(mut workers) = read(altered, 2) {
            prop_assert!(bytes(&mut workers) == whole);
        }
    }

    #[test]
    fn content_that_vouches_for_itself_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        ending in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        let mut content = unpacked();
        content.truncate(content.len() - 32);
        let start = content.len() - 150;
        for (at, byte) in changes {
            let at = start + at.index(150);
            content[at] = byte;
        }
        // Whatever is read can be written, and read again.
        for content in [content.clone(), [&content[..start + cut.index(150)], &ending, &[0]].concat()] {
            if let Ok(mut workers) = read(sealed(content), 2) {
                prop_assert!(read(bytes(&mut workers), 1).is_ok());
            }
        }
    }

    #[test]
    fn any_bytes_do_no_harm(content in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(content.clone(), 1).is_err());
        prop_assert!(read(packed(&content), 1).is_err());
    }
}
