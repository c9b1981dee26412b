//! What is written is read back, and what is damaged or forged is refused.

use std::io::Cursor;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::corpus::End;
use crate::text::TextOptions;

fn five() -> Documents {
    let texts: [(&str, &[&str]); 5] = [
        ("late goal wins the match", &["sport"]),
        ("the bank raises the rate the bank cut", &["business"]),
        ("late bank", &["business", "sport"]),
        ("!?", &["sport"]),
        ("goal goal goal the rate", &["world"]),
    ];
    Documents::of(TextOptions::default(), &texts)
}

fn bytes(documents: &Documents) -> Vec<u8> {
    let mut bytes = Vec::new();
    documents.write_to(&mut bytes).expect("memory");
    bytes
}

fn read(bytes: Vec<u8>) -> Result<Documents, DocumentsError> {
    let path = PathBuf::from("old/1/documents.bags");
    let reader = Reader::from_bytes(Box::new(Cursor::new(bytes)), path)?;
    let header = reader.header().clone();
    let (mut documents, end) = reader.read()?;
    assert_eq!(end, End { ordinal: 3 << 32, fingerprint: [0xab; 32] });
    documents.seal(header).expect("memory");
    Ok(documents)
}

fn packed(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("memory")
}

fn unpacked() -> Vec<u8> {
    zstd::decode_all(bytes(&five()).as_slice()).expect("our own stream")
}

#[test]
fn what_is_written_is_read_back() {
    let written = bytes(&five());
    let again = read(written.clone()).expect("our own file");
    assert!(bytes(&again) == written);
    assert_eq!(again.block(0).expect("memory"), five().block(0).expect("memory"));
    assert_eq!(again.token_counts, [5, 8, 2, 0, 5]);
    assert_eq!(again.bags[3], 0);
}

#[test]
fn many_documents_take_several_blocks() {
    let bodies: Vec<String> = (1..40)
        .map(|n| (0..2_000).map(|word| format!("w{} ", word % (n * 50))).collect())
        .collect();
    let texts: Vec<_> = bodies.iter().map(|body| (body.as_str(), &["a"][..])).collect();
    let documents = Documents::of(TextOptions::default(), &texts);
    assert!(documents.block_count() > 2);
    let blocks = (0..documents.block_count()).map(|number| documents.block(number));
    let word_counts = blocks.flat_map(|block| {
        Row::of(&block.expect("memory")).map(|row| row.words.len()).collect::<Vec<_>>()
    });
    // The form of the article is one more.
    assert!(word_counts.eq((1..40).map(|n| (n * 50).min(2_000) + 1)));
}

#[test]
fn the_order_of_the_words_is_not_stored() {
    let options = TextOptions { pairs: false, ..TextOptions::default() };
    let of = |text| bytes(&Documents::of(options, &[(text, &["x"])]));
    assert!(of("late goal wins the match") == of("the match wins late goal"));
}

#[test]
fn damage_is_named() {
    let (whole, content) = (bytes(&five()), unpacked());
    let with = |at: usize, byte: u8| {
        let mut content = content.clone();
        content[at] = byte;
        packed(&content)
    };
    for (bytes, words) in [
        (Vec::new(), "not written by this version"),
        (b"{}".to_vec(), "damaged"),
        (packed(b"something else"), "not written by this version"),
        (whole[..whole.len() - 1].to_vec(), "truncated"),
        (packed(&content[..content.len() - 1]), "truncated"),
        (with(12, 9), "format version 9"),
        (with(20, b'!'), "header"),
        (packed(&[&content[..], &[0]].concat()), "data after its end"),
        ([&whole[..], &[0]].concat(), "damaged"),
    ] {
        let error = read(bytes).expect_err(words).to_string();
        let is_named = error.contains(words) && error.contains("old/1/documents.bags");
        assert!(is_named, "{words:?} is not in: {error}");
        assert!(error.contains("retrain"), "{error}");
    }
}

#[test]
fn oversized_values_are_not_read() {
    let stamp_and_header = unpacked()[..13].to_vec();
    for content in [vec![0; 1 << 24], [&stamp_and_header[..], &[0xff; 1 << 20]].concat()] {
        let error = read(packed(&content)).expect_err("not our own").to_string();
        assert!(error.contains("damaged"), "{error}");
    }
}

#[test]
fn a_block_without_documents_is_refused() {
    let empty = Row::encode(&[]).expect("memory");
    let error = Row::decode(&empty, |_| panic!("there is no row")).expect_err("no rows");
    assert!(error.to_string().contains("without documents"), "{error}");
}

proptest! {
    #[test]
    fn truncated_or_altered_files_are_refused(
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let whole = bytes(&five());
        prop_assert!(read(whole[..cut.index(whole.len())].to_vec()).is_err());
        let mut altered = whole.clone();
        altered[flip.index(whole.len())] ^= 1u8 << bit;
        // A bit of zstd's framing may have no meaning; then the documents are unchanged.
        if let Ok(documents) = read(altered) {
            prop_assert!(bytes(&documents) == whole);
        }
    }

    #[test]
    fn forged_content_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut content = unpacked();
        // After the header.
        let start = content.len() - 150;
        for (at, byte) in changes {
            content[start + at.index(150)] = byte;
        }
        // Whatever can be read can be written and read again.
        if let Ok(documents) = read(packed(&content)) {
            prop_assert!(read(bytes(&documents)).is_ok());
        }
    }

    #[test]
    fn any_bytes_do_no_harm(content in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(content.clone()).is_err());
        prop_assert!(read(packed(&content)).is_err());
    }
}
