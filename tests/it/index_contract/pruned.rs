//! A search that compares with the likeliest articles alone finds what comparing with all finds.

use std::time::Duration;

use slugline::index::{
    ArchiveOptions, ArchivedArticle, EmbeddedArchive, MemoryIndex, PublishTime, Recency,
    ReferenceTime, SimilarQuery, SimilarSource, SimilarityIndex,
};

use super::fixtures::{article, find, id, put, write};

const ARTICLES: usize = 3_000;
/// Each article has words of a hundred of them: the terms of a source have 300,000 postings, twice
/// as many as a search reads.
const WORDS: u64 = 120;
const HOUR_US: i64 = 3_600_000_000;

/// SplitMix64 (Steele, Lea, Flood, 2014).
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// An article of words drawn evenly, at a time in the same thousand hours as all others.
fn drawn(number: usize) -> ArchivedArticle {
    let words = (0..200).map(|word| mixed((number as u64) << 16 | word) % WORDS);
    let body: String = words.map(|word| format!("zq{word}x ")).collect();
    let hours = mixed(number as u64) % 1_000;
    let publish_time = Some(PublishTime(hours as i64 * HOUR_US));
    ArchivedArticle { publish_time, ..article(&format!("{number:04}"), "", &body) }
}

#[test]
fn the_first_results_are_those_of_an_exhaustive_comparison() {
    let directory = tempfile::tempdir().expect("a directory");
    // Most articles lie in segments, the last ones in memory.
    let options = ArchiveOptions { fold_changes: 512, ..ArchiveOptions::default() };
    let archive = EmbeddedArchive::open(directory.path(), options).expect("an archive");
    let exhaustive = MemoryIndex::default();
    let articles: Vec<ArchivedArticle> = (0..ARTICLES).map(drawn).collect();
    for batch in articles.chunks(256) {
        for index in [&archive as &dyn SimilarityIndex, &exhaustive] {
            write(index, batch.iter().cloned().map(put).collect());
        }
    }
    let reference = ReferenceTime::OfSource { otherwise: PublishTime(0) };
    for hours in [None, Some(1), Some(24), Some(1_000)] {
        let half_life = |hours: u64| Duration::from_secs(3_600 * hours);
        let recency = hours.map(|hours| Recency { half_life: half_life(hours), reference });
        for number in (0..ARTICLES).step_by(300) {
            let source = SimilarSource::Id(id(&format!("{number:04}")));
            let query = SimilarQuery { recency, ..SimilarQuery::new(source) };
            let expected = find(&exhaustive, &query);
            assert_eq!(expected.len(), 10);
            assert_eq!(find(&archive, &query), expected, "{number}, {hours:?} hours");
        }
    }
}
