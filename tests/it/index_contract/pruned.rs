//! A search that compares with the likeliest articles alone finds what comparing with all finds.

use std::collections::BTreeSet;
use std::path::Path;
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

/// Words that have a meaning.
const ENGLISH: [&str; 40] = [
    "government",
    "president",
    "election",
    "minister",
    "court",
    "police",
    "crime",
    "prison",
    "bank",
    "market",
    "price",
    "profit",
    "trade",
    "company",
    "worker",
    "factory",
    "doctor",
    "hospital",
    "virus",
    "vaccine",
    "school",
    "teacher",
    "student",
    "church",
    "film",
    "music",
    "actor",
    "football",
    "goal",
    "coach",
    "match",
    "storm",
    "flood",
    "river",
    "ocean",
    "planet",
    "space",
    "engine",
    "computer",
    "phone",
];

/// An article of words drawn evenly, at a time in the same thousand hours as all others.
fn drawn(number: usize) -> ArchivedArticle {
    of_words(number, 200, |word| format!("zq{}x ", word % WORDS))
}

fn of_words(number: usize, count: u64, word: impl Fn(u64) -> String) -> ArchivedArticle {
    let body: String = (0..count).map(|place| word(mixed((number as u64) << 16 | place))).collect();
    let hours = mixed(number as u64) % 1_000;
    let publish_time = Some(PublishTime(hours as i64 * HOUR_US));
    ArchivedArticle { publish_time, ..article(&format!("{number:04}"), "", &body) }
}

/// Both kinds of archives, filled with the same articles.
fn filled(
    directory: &Path,
    article: impl Fn(usize) -> ArchivedArticle,
) -> (EmbeddedArchive, MemoryIndex) {
    // Most articles lie in segments, the last ones in memory.
    let options = ArchiveOptions { fold_changes: 512, ..ArchiveOptions::default() };
    let archive = EmbeddedArchive::open(directory, options).expect("an archive");
    let exhaustive = MemoryIndex::default();
    let articles: Vec<ArchivedArticle> = (0..ARTICLES).map(article).collect();
    for batch in articles.chunks(256) {
        for index in [&archive as &dyn SimilarityIndex, &exhaustive] {
            write(index, batch.iter().cloned().map(put).collect());
        }
    }
    (archive, exhaustive)
}

/// The ids of all pages.
fn paged(index: &dyn SimilarityIndex, mut query: SimilarQuery) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = index.find_similar(&query).expect("a page");
        ids.extend(page.hits.into_iter().map(|hit| hit.article.id.to_string()));
        query.after = page.next;
        if query.after.is_none() {
            return ids;
        }
    }
}

#[test]
fn pages_of_any_size_reach_a_thousand_results_where_meanings_count() {
    let directory = tempfile::tempdir().expect("a directory");
    let word = |number: u64| format!("{} ", ENGLISH[number as usize % ENGLISH.len()]);
    let (archive, exhaustive) = filled(directory.path(), |number| of_words(number, 12, word));
    for number in (0..ARTICLES).step_by(1_000) {
        let source = SimilarSource::Id(id(&format!("{number:04}")));
        let query = |page_size| SimilarQuery { page_size, ..SimilarQuery::new(source.clone()) };
        let expected = paged(&exhaustive, query(100));
        assert_eq!(expected.len(), 1_000);
        for page_size in [10, 100] {
            let found = paged(&archive, query(page_size));
            assert!(found.len() >= 990, "{number}: {} in pages of {page_size}", found.len());
            let distinct: BTreeSet<&String> = found.iter().collect();
            assert_eq!(distinct.len(), found.len());
            let first: BTreeSet<&String> = found[..100].iter().collect();
            let missed = expected[..100].iter().filter(|id| !first.contains(id)).count();
            assert!(missed <= 3, "{number}: {missed} of the first 100, in pages of {page_size}");
        }
    }
}

#[test]
fn the_first_results_are_those_of_an_exhaustive_comparison() {
    let directory = tempfile::tempdir().expect("a directory");
    let (archive, exhaustive) = filled(directory.path(), drawn);
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
