//! Pages of results.

use std::collections::BTreeSet;

use slugline::index::{
    Deadline, Filter, IndexError, SimilarHit, SimilarQuery, SimilarSource, SimilarityIndex,
};

use super::fixtures::{article, find, id, numbered, put, put_stories, text, write};

pub(super) fn results_below_the_minimum_similarity_are_left_out(index: &dyn SimilarityIndex) {
    put_stories(index);
    let query = SimilarQuery::new(SimilarSource::Id(id("volcano-2")));
    let all = find(index, &query);
    let least = all[1].similarity;
    assert!(all.len() > 2 && all[2].similarity < least);
    // Exactly the minimum similarity is enough.
    assert_eq!(find(index, &SimilarQuery { min_similarity: least, ..query }), all[..2]);
}

pub(super) fn a_search_is_given_up_at_its_deadline(index: &dyn SimilarityIndex) {
    put_stories(index);
    let passed = Deadline(Some(std::time::Instant::now()));
    let topics = BTreeSet::from(["world".to_owned()]);
    for filter in [Filter::default(), Filter { topics, ..Filter::default() }] {
        let query =
            SimilarQuery { filter, deadline: passed, ..SimilarQuery::new(text("volcano", "")) };
        assert_eq!(index.find_similar(&query), Err(IndexError::Late));
    }
}

pub(super) fn pages_partition_the_results(index: &dyn SimilarityIndex) {
    let articles = (0..35).map(|number| {
        put(article(
            &format!("{number:03}"),
            "",
            &numbered(number, &"volcano ".repeat(1 + number % 4)),
        ))
    });
    write(index, articles.collect());
    for collapse_near_duplicates in [false, true] {
        let query = SimilarQuery {
            collapse_near_duplicates,
            page_size: 100,
            ..SimilarQuery::new(text("volcano", ""))
        };
        let whole = find(index, &query);
        assert_eq!(whole.len(), 35);
        let mut parts = Vec::new();
        let mut page_query = SimilarQuery { page_size: 8, ..query };
        for page in 0..5 {
            let found = index.find_similar(&page_query).expect("a page");
            parts.extend(found.hits);
            assert_eq!(found.next.is_some(), page < 4, "page {page}");
            page_query.after = found.next;
        }
        assert_eq!(parts, whole);
        pages_end_with_the_article_that_fills_them(index, &page_query, &whole);
    }
}

fn pages_end_with_the_article_that_fills_them(
    index: &dyn SimilarityIndex,
    query: &SimilarQuery,
    whole: &[SimilarHit],
) {
    let size =
        |hits: &[SimilarHit]| hits.iter().map(|hit| hit.article.text().size_bytes()).sum::<usize>();
    for page_bytes in [0, 1, 100] {
        let mut query = SimilarQuery { after: None, page_bytes, page_size: 100, ..query.clone() };
        let mut parts = Vec::new();
        loop {
            let found = index.find_similar(&query).expect("a page");
            let (_, before) = found.hits.split_last().expect("a page has a result");
            assert!(before.is_empty() || size(before) < page_bytes, "{} bytes", size(before));
            assert!(
                found.next.is_none() || size(&found.hits) >= page_bytes,
                "{} bytes",
                size(&found.hits)
            );
            parts.extend(found.hits);
            query.after = found.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(parts, whole);
    }
}
