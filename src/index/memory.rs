//! The reference backend, which compares with every article in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use super::analyzer::of_text;
use super::candidate::Candidate;
use super::page::{ReadPage, page, read};
use super::source::Source;
use super::vector::Vector;
use super::{
    ArchivedArticle, ArticleId, ArticlePage, Change, Condition, IndexError, IndexStatus, ListQuery,
    NoRoom, SimilarPage, SimilarQuery, SimilarSource, SimilarityIndex, Write, WriteDone,
    WriteOutcome,
};
use crate::article::ArticleText;

/// An archive in memory.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    articles: RwLock<BTreeMap<ArticleId, (ArchivedArticle, Vector)>>,
}

impl SimilarityIndex for MemoryIndex {
    fn write(&self, batch: Vec<Write>, done: WriteDone) -> Result<(), NoRoom> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut articles = self.articles.write().unwrap_or_else(PoisonError::into_inner);
        for write in batch {
            let id = write.change.id();
            let found = articles.get(id).map(|(article, _)| article);
            // Nothing is read, so nothing can fail.
            let outcome =
                write.precondition.outcome(write.change.kind(), found.is_some(), || Ok(found));
            let outcome = outcome.unwrap_or(WriteOutcome::Changed);
            match write.change {
                _ if !outcome.is_change() => {}
                Change::Put(article) => {
                    let vector = of_text(article.text());
                    articles.insert(article.id.clone(), (*article, vector));
                }
                Change::Delete(id) => drop(articles.remove(&id)),
            }
            outcomes.push(outcome);
        }
        drop(articles);
        done(Ok(outcomes));
        Ok(())
    }

    fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError> {
        let articles = self.articles.read().unwrap_or_else(PoisonError::into_inner);
        Ok(articles.get(id).map(|(article, _)| article.clone()))
    }

    fn list(&self, query: &ListQuery) -> Result<ArticlePage, IndexError> {
        query.deadline.check()?;
        let articles = self.articles.read().unwrap_or_else(PoisonError::into_inner);
        let start = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = ArticlePage::default();
        let mut size = 0;
        let after = articles.range::<ArticleId, _>((start, Bound::Unbounded));
        for (id, (article, _)) in after.filter(|(_, (article, _))| query.filter.accepts(article)) {
            if page.articles.len() >= query.count || size >= query.bytes {
                page.is_more = true;
                break;
            }
            size += article.text().size_bytes();
            page.articles.push(article.clone());
            page.last = Some(id.clone());
        }
        Ok(page)
    }

    fn find_similar(&self, query: &SimilarQuery) -> Result<SimilarPage, IndexError> {
        query.deadline.check()?;
        let articles = self.articles.read().unwrap_or_else(PoisonError::into_inner);
        let source = match &query.source {
            SimilarSource::Text { title, body } => {
                Source::of_text(ArticleText { title, body }, query.recency)
            }
            SimilarSource::Id(id) => {
                let (article, vector) =
                    articles.get(id).ok_or_else(|| IndexError::UnknownSource { id: id.clone() })?;
                Source::of_article(article, vector, query.recency)
            }
        };
        let candidates = articles
            .iter()
            .filter(|(id, (article, _))| {
                Some(*id) != source.id.as_ref() && query.filter.accepts(article)
            })
            .map(|(id, (article, vector))| {
                let similarity = source.vector.similarity(vector);
                let score = similarity * source.boost.factor(|| article.publish_time);
                Candidate { similarity, score, id: id.clone(), handle: (article, vector) }
            });
        let read_one = |(article, vector): &(&ArchivedArticle, &Vector)| {
            Ok(((*article).clone(), (*vector).clone()))
        };
        let groups = page(candidates.collect(), query, read_one)?;
        let ReadPage { found, next, unreadable } = read(groups, query, read_one)?;
        Ok(SimilarPage { hits: source.hits(found), next, unreadable })
    }

    fn has_topic(&self, topic: &str) -> Result<bool, IndexError> {
        let articles = self.articles.read().unwrap_or_else(PoisonError::into_inner);
        Ok(articles.values().any(|(article, _)| article.has_topic(topic)))
    }

    fn condition(&self) -> Condition {
        Condition::Ready
    }

    fn status(&self) -> IndexStatus {
        let articles = self.articles.read().unwrap_or_else(PoisonError::into_inner);
        IndexStatus {
            condition: Condition::Ready,
            last_failure: None,
            unreadable_count: 0,
            article_count: articles.len() as u64,
            size_bytes: articles
                .values()
                .map(|(article, _)| article.text().size_bytes() as u64)
                .sum(),
        }
    }
}
