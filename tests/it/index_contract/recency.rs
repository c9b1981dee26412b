//! Searches in which closeness in time counts.

use std::collections::BTreeSet;
use std::time::Duration;

use slugline::index::{
    Analyzer, ArchivedArticle, Filter, PublishTime, Recency, ReferenceTime, SimilarHit,
    SimilarQuery, SimilarSource, SimilarityIndex,
};

use super::fixtures::{article, find, id, ids, numbered, put, text, write};

const HOUR_US: i64 = 3_600_000_000;
const HALF_LIFE_HOURS: i64 = 24;

fn recency(reference_hours: i64) -> Option<Recency> {
    let half_life = Duration::from_secs(3_600 * HALF_LIFE_HOURS as u64);
    let reference = ReferenceTime::At(PublishTime(reference_hours * HOUR_US));
    Some(Recency { half_life, reference })
}

fn at(hours: impl Into<Option<i64>>, article: ArchivedArticle) -> ArchivedArticle {
    let publish_time = hours.into().map(|hours| PublishTime(hours * HOUR_US));
    ArchivedArticle { publish_time, ..article }
}

/// The score by the formula of docs/ranking.md.
fn score(similarity: f64, age_hours: Option<i64>) -> f64 {
    let gain = age_hours.map_or(0.0, |hours| 0.5_f64.powf(hours as f64 / HALF_LIFE_HOURS as f64));
    similarity * (1.0 + gain)
}

/// Articles of different similarity to "volcano island" and different times; every seventh has
/// none.
fn dated() -> Vec<ArchivedArticle> {
    let dated = |number: usize| {
        let common = format!("{} island", "volcano ".repeat(1 + number % 9));
        let words: usize = 1 + number % 13;
        let others: String =
            (0..words).map(|word| format!("zq{number}x{word} ")).collect::<String>();
        let hours = (!number.is_multiple_of(7)).then_some((number * 37 % 200) as i64);
        at(hours, article(&format!("{number:03}"), "", &(others + &common)))
    };
    (0..180).map(dated).collect()
}

pub(super) fn the_ranking_equals_the_formula_on_every_page(index: &dyn SimilarityIndex) {
    let articles = dated();
    write(index, articles.iter().cloned().map(put).collect());
    let mut analyzer = Analyzer::default();
    let (title, body) = ("The volcano", "of an island");
    let source = at(None, article("source", title, body));
    let vector = analyzer.vector(source.text());
    let mut expected: Vec<(String, f64)> = articles
        .iter()
        .map(|article| {
            let similarity = vector.similarity(&analyzer.vector(article.text()));
            let hours = article.publish_time.map(|PublishTime(time)| time / HOUR_US);
            (article.id.to_string(), score(similarity, hours.map(|hours| (hours - 100).abs())))
        })
        .collect();
    expected.sort_by(|a, b| b.1.total_cmp(&a.1));
    let query = SimilarQuery {
        recency: recency(100),
        page_size: 200,
        ..SimilarQuery::new(text(title, body))
    };
    let whole = find(index, &query);
    assert_eq!(whole.len(), expected.len());
    assert!(whole.is_sorted_by(|a, b| a.score >= b.score));
    assert!(!whole.is_sorted_by(|a, b| a.similarity >= b.similarity), "time makes no difference");
    for (hit, (id, score)) in whole.iter().zip(&expected) {
        // Articles may tie, or differ in the last bit of another power of two.
        assert!((hit.score - score).abs() < 1e-12, "{}: {} and {id}", hit.article.id, hit.score);
    }
    let found: BTreeSet<&str> = ids(&whole).into_iter().collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(in_pages(index, SimilarQuery { page_size: 17, ..query }), whole);
}

fn in_pages(index: &dyn SimilarityIndex, mut query: SimilarQuery) -> Vec<SimilarHit> {
    let mut hits = Vec::new();
    for _ in 0..1_000 {
        let page = index.find_similar(&query).expect("a page");
        assert!(page.hits.len() <= query.page_size);
        hits.extend(page.hits);
        query.after = page.next;
        if query.after.is_none() {
            return hits;
        }
    }
    panic!("the pages do not end")
}

pub(super) fn filters_and_the_minimum_similarity_hold(index: &dyn SimilarityIndex) {
    write(index, dated().into_iter().map(put).collect());
    let by_score = SimilarQuery {
        recency: recency(60),
        page_size: 200,
        ..SimilarQuery::new(text("The volcano", "of an island"))
    };
    let whole = find(index, &by_score);
    let filter = Filter {
        published_from: Some(PublishTime(20 * HOUR_US)),
        published_until: Some(PublishTime(90 * HOUR_US)),
        ..Filter::default()
    };
    let passes = |hit: &SimilarHit| {
        hit.article
            .publish_time
            .is_some_and(|PublishTime(time)| (20 * HOUR_US..90 * HOUR_US).contains(&time))
    };
    let filtered = find(index, &SimilarQuery { filter, ..by_score.clone() });
    let expected: Vec<SimilarHit> = whole.iter().filter(|hit| passes(hit)).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < whole.len());
    assert_eq!(filtered, expected);
    // The minimum is one of the similarity: a high score does not make up for it.
    let least = whole[40].similarity;
    let similar = SimilarQuery { min_similarity: least, page_size: 20, ..by_score };
    let mut expected = whole;
    expected.retain(|hit| hit.similarity >= least);
    assert_eq!(find(index, &similar), expected[..20]);
}

pub(super) fn ages_are_measured_from_the_reference_time(index: &dyn SimilarityIndex) {
    let story = |name: &str, hours: Option<i64>| {
        put(at(hours, article(name, "Volcano erupts", &format!("On the island, says {name}."))))
    };
    let stories = [("a", Some(0)), ("b", Some(50)), ("c", Some(100)), ("d", None)];
    write(index, stories.into_iter().map(|(name, hours)| story(name, hours)).collect());
    let first = |source: &SimilarSource, reference| {
        let half_life = Duration::from_secs(3_600 * HALF_LIFE_HOURS as u64);
        let recency = Some(Recency { half_life, reference });
        let hits = find(index, &SimilarQuery { recency, ..SimilarQuery::new(source.clone()) });
        hits[0].article.id.to_string()
    };
    let at = |hours| ReferenceTime::At(PublishTime(hours * HOUR_US));
    let or_else = |hours| ReferenceTime::OfSource { otherwise: PublishTime(hours * HOUR_US) };
    let draft = text("Volcano erupts on the island", "");
    let [old, undated] = ["a", "d"].map(|name| SimilarSource::Id(id(name)));
    for (source, reference, expected) in [
        (&draft, at(3), "a"),
        (&draft, at(60), "b"),
        (&draft, at(110), "c"),
        (&draft, or_else(60), "b"),
        // Its own time.
        (&old, or_else(100), "b"),
        (&old, at(100), "c"),
        (&undated, or_else(0), "a"),
    ] {
        assert_eq!(first(source, reference), expected, "{source:?}, {reference:?}");
    }
}

pub(super) fn ties_are_ordered_by_id(index: &dyn SimilarityIndex) {
    let names = ["c", "a", "e", "b", "d"];
    for (name, hours) in names.into_iter().zip([90, 110, 100, 110, 90]) {
        write(index, vec![put(at(hours, article(name, "Volcano erupts", "Lava.")))]);
    }
    write(index, vec![put(at(100, article("other", "", &numbered(0, "volcano"))))]);
    let query = SimilarQuery { recency: recency(100), ..SimilarQuery::new(text("volcano", "")) };
    assert_eq!(ids(&find(index, &query)), ["e", "a", "b", "c", "d", "other"]);
    let two = SimilarQuery { page_size: 2, ..query };
    assert_eq!(ids(&in_pages(index, two)), ["e", "a", "b", "c", "d", "other"]);
}
