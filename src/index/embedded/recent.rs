//! The memory-resident part of the archive: changes that the segments do not include yet, with
//! postings of their own.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Bound;
use std::sync::Arc;

use super::super::query_vector::WeightedTerm;
use super::super::recency::Boost;
use super::super::vector::{Vector, weight};
use super::super::{ArchivedArticle, ArticleId};
use super::journal::Extent;
use super::top_k::TopK;

/// An article in memory.
#[derive(Debug)]
pub(super) struct RecentArticle {
    pub(super) article: Arc<ArchivedArticle>,
    pub(super) vector: Arc<Vector>,
    /// Its position in the journals.
    pub(super) extent: Extent,
}

impl RecentArticle {
    /// Its approximate size in memory, in bytes, including its postings.
    fn size_bytes(&self) -> usize {
        self.article.size_bytes() + 24 * self.vector.terms.len() + 256
    }

    fn factor(&self, boost: Boost) -> f32 {
        boost.factor(|| self.article.publish_time) as f32
    }
}

/// The latest version of an article.
#[derive(Debug, Clone)]
pub(super) enum RecentVersion {
    /// The article.
    Article(Arc<RecentArticle>),
    /// The article was deleted.
    Tombstone,
}

/// Hashes terms, which are hashes already.
#[derive(Default)]
struct TermHasher(u64);

impl Hasher for TermHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only complete terms are ever hashed.
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, term: u64) {
        // The table also uses the upper bits, which a term of 40 bits does not have.
        self.0 = term | term << 40;
    }
}

/// The changes that the segments do not include.
#[derive(Debug, Default)]
pub(super) struct Recent {
    versions: BTreeMap<ArticleId, RecentVersion>,
    /// In the order in which they were added; None for those that were superseded since.
    articles: Vec<Option<Arc<RecentArticle>>>,
    /// The inverse length of each article's vector.
    inverse_lengths: Vec<f32>,
    slots: HashMap<ArticleId, u32>,
    postings: HashMap<u64, Vec<(u32, u8)>, BuildHasherDefault<TermHasher>>,
    size_bytes: usize,
}

impl Recent {
    /// The number of changes.
    pub(super) fn len(&self) -> usize {
        self.articles.len().max(self.versions.len())
    }

    /// Their approximate size in memory, in bytes.
    pub(super) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub(super) fn put(&mut self, article: Arc<RecentArticle>) {
        let id = article.article.id.clone();
        self.drop_slot(&id);
        let slot = self.articles.len() as u32;
        for term in &article.vector.terms {
            self.postings.entry(term.key().bits()).or_default().push((slot, term.count()));
        }
        self.size_bytes += article.size_bytes();
        self.inverse_lengths.push(match article.vector.squared_length {
            0 => 0.0,
            squared => 1.0 / (squared as f32).sqrt(),
        });
        self.articles.push(Some(Arc::clone(&article)));
        self.slots.insert(id.clone(), slot);
        self.versions.insert(id, RecentVersion::Article(article));
    }

    pub(super) fn delete(&mut self, id: &ArticleId) {
        self.drop_slot(id);
        self.size_bytes += id.as_str().len() + 128;
        self.versions.insert(id.clone(), RecentVersion::Tombstone);
    }

    fn drop_slot(&mut self, id: &ArticleId) {
        if let Some(slot) = self.slots.remove(id) {
            self.articles[slot as usize] = None;
        }
    }

    /// The latest version of an article; None if it did not change.
    pub(super) fn get(&self, id: &ArticleId) -> Option<&RecentVersion> {
        self.versions.get(id)
    }

    /// The latest version of every article that changed, by id.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&ArticleId, &RecentVersion)> {
        self.versions.iter()
    }

    /// The versions whose ids follow `after`.
    pub(super) fn versions_after(
        &self,
        after: Option<&ArticleId>,
    ) -> impl Iterator<Item = (&ArticleId, &RecentVersion)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.versions.range::<ArticleId, _>((start, Bound::Unbounded))
    }

    /// The `count` articles with the highest partial scores by `terms`: the boosted cosine, except
    /// for a factor common to all articles.
    pub(super) fn best(
        &self,
        terms: &[WeightedTerm],
        boost: Boost,
        count: usize,
    ) -> Vec<(f32, Arc<RecentArticle>)> {
        let article = |slot: u32| self.articles[slot as usize].as_ref();
        let mut best = TopK::new(count, boost.max_factor() as f32);
        best.push_all(&self.sums(terms), &self.inverse_lengths, |slot| {
            article(slot).map(|article| (article.factor(boost), slot))
        });
        let found = best.into_vec().into_iter();
        found
            .filter_map(|(score, slot)| article(slot).map(|article| (score, Arc::clone(article))))
            .collect()
    }

    /// All articles that have any of these terms, with their partial scores, for a filter to choose
    /// from.
    pub(super) fn all(
        &self,
        terms: &[WeightedTerm],
        boost: Boost,
    ) -> Vec<(f32, Arc<RecentArticle>)> {
        let sums = self.sums(terms);
        let scores = sums
            .iter()
            .zip(&self.inverse_lengths)
            .map(|(sum, inverse_length)| sum * inverse_length);
        let found = scores.zip(&self.articles).filter(|(score, _)| *score > 0.0);
        let boosted = |(score, article): (f32, &Option<Arc<RecentArticle>>)| {
            let article = article.as_ref()?;
            Some((score * article.factor(boost), Arc::clone(article)))
        };
        found.filter_map(boosted).collect()
    }

    fn sums(&self, terms: &[WeightedTerm]) -> Vec<f32> {
        let mut sums = vec![0.0_f32; self.articles.len()];
        for term in terms {
            for (slot, count) in self.postings.get(&term.key.bits()).map_or(&[][..], Vec::as_slice)
            {
                sums[*slot as usize] += (term.weight * weight(*count, term.idf)) as f32;
            }
        }
        sums
    }
}
