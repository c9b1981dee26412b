//! What a kind of estimate is that is fitted to the documents one by one: a hyperplane per topic.

use crate::train::lists::Lists;

/// A kind of estimate whose weights are chosen together, to tell each topic from the others.
pub(crate) trait Solver: Sync {
    /// The name in manifests.
    fn name(&self) -> &'static str;

    /// Its parameter, by name.
    fn parameter(&self) -> (&'static str, f64);

    /// Whether a problem of so many terms, topics and entries of documents is worth the time.
    fn is_affordable(&self, terms: u64, topics: u64, entries: u64) -> bool;

    /// Fits the hyperplanes.
    fn solve(&self, problem: &Problem<'_>) -> Planes;
}

/// A term of a document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Feature {
    pub(crate) term: u32,
    pub(crate) x: f32,
}

/// Documents to fit to.
#[derive(Debug)]
pub(crate) struct Problem<'a> {
    pub(crate) term_count: usize,
    pub(crate) topic_count: usize,
    /// By document.
    pub(crate) rows: Lists<Feature>,
    pub(crate) topics: Vec<&'a [u32]>,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(term_count: usize, topic_count: usize) -> Self {
        Self { term_count, topic_count, rows: Lists::default(), topics: Vec::new() }
    }

    /// Adds a document.
    pub(crate) fn push(&mut self, row: impl Iterator<Item = Feature>, topics: &'a [u32]) {
        self.rows.push(row);
        self.topics.push(topics);
    }
}

/// So many topics are worked on together; rows of weights are padded to a multiple.
pub(super) const LANES: usize = 8;
pub(super) type Lanes = [f32; LANES];

/// A hyperplane per topic: a row per term, and one for the bias behind them.
#[derive(Debug)]
pub(crate) struct Planes {
    topic_count: usize,
    /// How many blocks of lanes a row has.
    pub(super) blocks: usize,
    lanes: Vec<Lanes>,
}

impl Planes {
    pub(super) fn zeros(term_count: usize, topic_count: usize) -> Self {
        let blocks = topic_count.div_ceil(LANES);
        Self { topic_count, blocks, lanes: vec![Lanes::default(); (term_count + 1) * blocks] }
    }

    /// Sets `scores` to `w x + b` of all topics.
    #[inline(always)]
    pub(super) fn apply(&self, row: &[Feature], scores: &mut [Lanes]) {
        let (_, bias) = self.lanes.split_at(self.lanes.len() - self.blocks);
        for (block, scores) in scores.iter_mut().enumerate() {
            // The sums stay in registers.
            let mut sums = bias[block];
            for feature in row {
                let weights = &self.lanes[feature.term as usize * self.blocks + block];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += feature.x * weight;
                }
            }
            *scores = sums;
        }
    }

    /// Adds a document's vector, times `by`, to the planes of a block of topics.
    #[inline(always)]
    pub(super) fn add(&mut self, row: &[Feature], block: usize, by: &Lanes) {
        for feature in row {
            let weights = &mut self.lanes[feature.term as usize * self.blocks + block];
            for (weight, by) in weights.iter_mut().zip(by) {
                *weight += feature.x * by;
            }
        }
        let bias = self.lanes.len() - self.blocks + block;
        self.lanes[bias].iter_mut().zip(by).for_each(|(bias, by)| *bias += by);
    }

    /// The weights of a term by topic.
    pub(crate) fn of_term(&self, term: usize) -> &[f32] {
        &self.lanes[term * self.blocks..(term + 1) * self.blocks].as_flattened()[..self.topic_count]
    }

    pub(crate) fn bias(&self) -> &[f32] {
        self.of_term(self.lanes.len() / self.blocks - 1)
    }

    /// The scores of a document by topic.
    pub(crate) fn scores(&self, row: impl Iterator<Item = Feature>) -> Vec<f32> {
        let mut scores = vec![Lanes::default(); self.blocks];
        self.apply(&row.collect::<Vec<_>>(), &mut scores);
        scores.as_flattened()[..self.topic_count].to_vec()
    }
}
