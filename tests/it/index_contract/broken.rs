//! Backends that break the contract, each in one way, which the table must detect.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use slugline::index::{
    ArchivedArticle, ArticleId, ArticlePage, Change, Condition, Deadline, Filter, IndexError,
    IndexStatus, ListQuery, MemoryIndex, NoRoom, SimilarPage, SimilarQuery, SimilarSource,
    SimilarityIndex, Write, WriteDone, WriteOutcome,
};

use super::BEHAVIOURS;
use super::fixtures::text;

/// A way to break the contract.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    LosesThirdWrite,
    ForgetsDeletion,
    KeepsOldText,
    FindsItself,
    TurnsTiesAround,
    ScoresByGrowth,
    IgnoresFilter,
    IgnoresLeastSimilarity,
    IgnoresTime,
    RepeatsPages,
    IgnoresDeadline,
    FindsNothingUnknown,
    NamesNoTerms,
    CountsWrong,
}

/// The reference backend with a fault.
#[derive(Debug)]
struct Broken {
    inner: MemoryIndex,
    fault: Fault,
    writes: AtomicUsize,
}

impl SimilarityIndex for Broken {
    fn write(&self, mut batch: Vec<Write>, done: WriteDone) -> Result<(), NoRoom> {
        if self.fault == Fault::ForgetsDeletion {
            batch.retain(|write| matches!(write.change, Change::Put(_)));
            return self.inner.write(batch, Box::new(|_| done(Ok(vec![WriteOutcome::Deleted]))));
        }
        if self.fault == Fault::LosesThirdWrite
            && self.writes.fetch_add(1, Ordering::Relaxed) % 3 == 2
        {
            done(Ok(vec![WriteOutcome::Created; batch.len()]));
            return Ok(());
        }
        if self.fault == Fault::KeepsOldText {
            for write in &mut batch {
                if let Change::Put(article) = &mut write.change
                    && let Ok(Some(old)) = self.inner.get(&article.id)
                {
                    **article = old;
                }
            }
        }
        self.inner.write(batch, done)
    }

    fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError> {
        self.inner.get(id)
    }

    fn list(&self, query: &ListQuery) -> Result<ArticlePage, IndexError> {
        self.inner.list(query)
    }

    fn find_similar(&self, query: &SimilarQuery) -> Result<SimilarPage, IndexError> {
        let mut query = query.clone();
        match (self.fault, &query.source) {
            (Fault::FindsItself, SimilarSource::Id(id)) => {
                if let Some(article) = self.inner.get(id)? {
                    query.source = text(&article.title, &article.body);
                }
            }
            (Fault::IgnoresFilter, _) => query.filter = Filter::default(),
            (Fault::IgnoresLeastSimilarity, _) => query.min_similarity = 0.0,
            (Fault::IgnoresTime, _) => query.recency = None,
            (Fault::RepeatsPages, _) => query.after = None,
            (Fault::IgnoresDeadline, _) => query.deadline = Deadline::default(),
            _ => {}
        }
        let found = self.inner.find_similar(&query);
        if self.fault == Fault::FindsNothingUnknown && found.is_err() {
            return Ok(SimilarPage::default());
        }
        let mut page = found?;
        match self.fault {
            Fault::TurnsTiesAround => {
                page.hits.sort_by(|a, b| {
                    b.similarity.total_cmp(&a.similarity).then(b.article.id.cmp(&a.article.id))
                });
            }
            Fault::ScoresByGrowth => {
                let growth = 1.0 + self.inner.status().article_count as f64;
                page.hits.iter_mut().for_each(|hit| hit.similarity *= 1.0 - 1e-3 / growth);
            }
            Fault::NamesNoTerms => page.hits.iter_mut().for_each(|hit| hit.matched_terms.clear()),
            _ => {}
        }
        Ok(page)
    }

    fn has_topic(&self, topic: &str) -> Result<bool, IndexError> {
        self.inner.has_topic(topic)
    }

    fn condition(&self) -> Condition {
        self.inner.condition()
    }

    fn status(&self) -> IndexStatus {
        let mut status = self.inner.status();
        status.article_count += u64::from(self.fault == Fault::CountsWrong);
        status
    }
}

#[test]
fn a_broken_backend_does_not_pass() {
    for fault in [
        Fault::LosesThirdWrite,
        Fault::ForgetsDeletion,
        Fault::KeepsOldText,
        Fault::FindsItself,
        Fault::TurnsTiesAround,
        Fault::ScoresByGrowth,
        Fault::IgnoresFilter,
        Fault::IgnoresLeastSimilarity,
        Fault::IgnoresTime,
        Fault::RepeatsPages,
        Fault::IgnoresDeadline,
        Fault::FindsNothingUnknown,
        Fault::NamesNoTerms,
        Fault::CountsWrong,
    ] {
        let breaks = |behaviour: &fn(&dyn SimilarityIndex)| {
            let broken = Broken { inner: MemoryIndex::default(), fault, writes: 0.into() };
            catch_unwind(AssertUnwindSafe(|| behaviour(&broken))).is_err()
        };
        let broken: Vec<&str> = BEHAVIOURS
            .iter()
            .filter(|(_, behaviour)| breaks(behaviour))
            .map(|(name, _)| *name)
            .collect();
        assert!(!broken.is_empty(), "{fault:?} is not noticed");
        println!("{fault:?}: {broken:?}");
    }
}
