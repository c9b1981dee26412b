//! The newest part of the archive: what the journal has and the segments have not, in memory, with
//! postings of its own.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Bound;
use std::sync::Arc;

use super::super::query_vector::WeightedTerm;
use super::super::vector::{Vector, weight};
use super::super::{ArchivedArticle, ArticleId};
use super::journal::Extent;
use super::top_k::TopK;

/// An article in memory.
#[derive(Debug)]
pub(super) struct RecentArticle {
    pub(super) article: Arc<ArchivedArticle>,
    pub(super) vector: Arc<Vector>,
    /// Where the journal has it.
    pub(super) extent: Extent,
}

impl RecentArticle {
    /// About how much memory it takes, in bytes: with its postings.
    fn size_bytes(&self) -> usize {
        self.article.size_bytes() + 24 * self.vector.terms.len() + 256
    }
}

/// What became of an id.
#[derive(Debug, Clone)]
pub(super) enum RecentVersion {
    /// It has this article.
    Article(Arc<RecentArticle>),
    /// It has none any more.
    Tombstone,
}

/// Terms are hashes already.
#[derive(Default)]
struct TermHasher(u64);

impl Hasher for TermHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only whole terms are ever hashed.
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, term: u64) {
        // The table takes the upper bits too, which a term of 40 bits has not.
        self.0 = term | term << 40;
    }
}

/// The changes since the segments were written.
#[derive(Debug, Default)]
pub(super) struct Recent {
    versions: BTreeMap<ArticleId, RecentVersion>,
    /// By the order of their coming; None for one that was replaced or deleted since.
    articles: Vec<Option<Arc<RecentArticle>>>,
    /// 1 / length of each one's vector.
    inverse_lengths: Vec<f32>,
    slots: HashMap<ArticleId, u32>,
    postings: HashMap<u64, Vec<(u32, u8)>, BuildHasherDefault<TermHasher>>,
    size_bytes: usize,
}

impl Recent {
    /// How many changes there are.
    pub(super) fn len(&self) -> usize {
        self.articles.len().max(self.versions.len())
    }

    /// About how much memory they take, in bytes.
    pub(super) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub(super) fn put(&mut self, article: Arc<RecentArticle>) {
        let id = article.article.id.clone();
        self.drop_slot(&id);
        let slot = self.articles.len() as u32;
        for term in &article.vector.terms {
            self.postings.entry(term.term().bits()).or_default().push((slot, term.count()));
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

    /// What became of an id; None if nothing did.
    pub(super) fn get(&self, id: &ArticleId) -> Option<&RecentVersion> {
        self.versions.get(id)
    }

    /// What became of every id, in their order.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&ArticleId, &RecentVersion)> {
        self.versions.iter()
    }

    /// The same, after an id.
    pub(super) fn versions_after(
        &self,
        after: Option<&ArticleId>,
    ) -> impl Iterator<Item = (&ArticleId, &RecentVersion)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.versions.range::<ArticleId, _>((start, Bound::Unbounded))
    }

    /// The articles whose parts of the cosine by `terms` are the largest, at most `count`; with
    /// that part, less the factor that all share.
    pub(super) fn best(
        &self,
        terms: &[WeightedTerm],
        count: usize,
    ) -> Vec<(f32, Arc<RecentArticle>)> {
        let article = |slot: u32| self.articles[slot as usize].as_ref();
        let mut best = TopK::new(count);
        best.push_all(&self.sums(terms), &self.inverse_lengths, |slot| article(slot).map(|_| slot));
        let found = best.into_vec().into_iter();
        found
            .filter_map(|(part, slot)| article(slot).map(|article| (part, Arc::clone(article))))
            .collect()
    }

    /// All the articles that have one of these terms, with the same part: for a filter to choose
    /// from.
    pub(super) fn all(&self, terms: &[WeightedTerm]) -> Vec<(f32, Arc<RecentArticle>)> {
        let sums = self.sums(terms);
        let parts = sums
            .iter()
            .zip(&self.inverse_lengths)
            .map(|(sum, inverse_length)| sum * inverse_length);
        let found = parts.zip(&self.articles).filter(|(part, _)| *part > 0.0);
        found.filter_map(|(part, article)| Some((part, Arc::clone(article.as_ref()?)))).collect()
    }

    fn sums(&self, terms: &[WeightedTerm]) -> Vec<f32> {
        let mut sums = vec![0.0_f32; self.articles.len()];
        for term in terms {
            for (slot, times) in self.postings.get(&term.term.bits()).map_or(&[][..], Vec::as_slice)
            {
                sums[*slot as usize] += (term.weight * weight(*times, term.idf)) as f32;
            }
        }
        sums
    }
}
