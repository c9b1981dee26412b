//! What the behaviours share.

use std::sync::mpsc;

use slugline::article::ArticleText;
use slugline::index::{
    ArchivedArticle, ArticleId, ListQuery, SimilarHit, SimilarQuery, SimilarSource,
    SimilarityIndex, StoredTopic, Write, WriteOutcome,
};

pub(super) fn id(id: &str) -> ArticleId {
    id.parse().expect("an id")
}

pub(super) fn article(name: &str, title: &str, body: &str) -> ArchivedArticle {
    ArchivedArticle::new(id(name), ArticleText { title, body })
}

pub(super) fn topic(name: &str, probability: f64, is_assigned: bool) -> StoredTopic {
    StoredTopic { name: name.to_owned(), probability, is_assigned }
}

/// A list of the first `count` articles.
pub(super) fn first(count: usize) -> ListQuery {
    ListQuery { count, ..ListQuery::default() }
}

pub(super) fn put(article: ArchivedArticle) -> Write {
    Write::put(article)
}

pub(super) fn write(index: &dyn SimilarityIndex, batch: Vec<Write>) -> Vec<WriteOutcome> {
    let (sender, outcomes) = mpsc::channel();
    let done = Box::new(move |outcome| sender.send(outcome).expect("the test waits"));
    index.write(batch, done).expect("little is waiting");
    outcomes.recv().expect("an answer").expect("the writes are stored")
}

pub(super) fn text(title: &str, body: &str) -> SimilarSource {
    SimilarSource::Text { title: title.to_owned(), body: body.to_owned() }
}

pub(super) fn find(index: &dyn SimilarityIndex, query: &SimilarQuery) -> Vec<SimilarHit> {
    index.find_similar(query).expect("a page").hits
}

pub(super) fn ids(hits: &[SimilarHit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.article.id.as_str()).collect()
}

pub(super) fn scores(hits: &[SimilarHit]) -> Vec<(&str, f64)> {
    hits.iter().map(|hit| (hit.article.id.as_str(), hit.similarity)).collect()
}

/// Articles on two stories, which have some words in common.
pub(super) fn stories() -> Vec<ArchivedArticle> {
    [
        (
            "volcano-1",
            "Volcano erupts on the island",
            "Lava and ash closed the airport of the island.",
        ),
        (
            "volcano-2",
            "Ash of the volcano closes an airport",
            "The eruption of the volcano went on.",
        ),
        ("volcano-3", "Islanders flee the lava", "The volcano has been erupting since Monday."),
        ("merger-1", "Bank merger fails", "Shareholders of the bank voted against the merger."),
        ("merger-2", "Shares of the bank fall", "The merger of the two banks was called off."),
    ]
    .map(|(name, title, body)| article(name, title, body))
    .to_vec()
}

pub(super) fn put_stories(index: &dyn SimilarityIndex) {
    write(index, stories().into_iter().map(put).collect());
}

/// A text of unique words, except for those of `common`.
pub(super) fn numbered(number: usize, common: &str) -> String {
    (0..8).map(|word| format!("zq{number}x{word} ")).collect::<String>() + common
}
