//! Estimates that are fitted to the documents one by one: a hyperplane per topic.

use crate::train::lists::Lists;

/// A kind of estimate whose weights are chosen together, to tell each topic from the others.
pub(crate) trait Solver: Sync {
    /// The name in manifests.
    fn name(&self) -> &'static str;

    /// Its parameter, by name.
    fn parameter(&self) -> (&'static str, f64);

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

/// The number of topics computed together; rows with a number per topic are padded to a multiple.
pub(super) const LANES: usize = 8;
pub(super) type Lanes = [f32; LANES];

/// A hyperplane per topic, stored as a row per term followed by one for the bias.
#[derive(Debug)]
pub(crate) struct Planes {
    topic_count: usize,
    /// The blocks of lanes per row.
    pub(super) blocks: usize,
    pub(super) lanes: Vec<Lanes>,
}

impl Planes {
    pub(super) fn zeros(problem: &Problem<'_>) -> Self {
        let topic_count = problem.topic_count;
        let blocks = topic_count.div_ceil(LANES);
        let lanes = vec![Lanes::default(); (problem.term_count + 1) * blocks];
        Self { topic_count, blocks, lanes }
    }

    /// The index of the bias of a block of topics.
    pub(super) fn bias_at(&self, block: usize) -> usize {
        self.lanes.len() - self.blocks + block
    }

    /// `w x + b` of a block of topics.
    #[inline(always)]
    pub(super) fn apply(&self, row: &[Feature], block: usize) -> Lanes {
        let mut sums = self.lanes[self.bias_at(block)];
        for feature in row {
            let weights = &self.lanes[feature.term as usize * self.blocks + block];
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += feature.x * weight;
            }
        }
        sums
    }

    /// The weights of a term by topic.
    pub(crate) fn of_term(&self, term: usize) -> &[f32] {
        &self.lanes[term * self.blocks..(term + 1) * self.blocks].as_flattened()[..self.topic_count]
    }

    pub(super) fn of_term_mut(&mut self, term: usize) -> &mut [f32] {
        let row = &mut self.lanes[term * self.blocks..(term + 1) * self.blocks];
        &mut row.as_flattened_mut()[..self.topic_count]
    }

    pub(crate) fn bias(&self) -> &[f32] {
        self.of_term(self.lanes.len() / self.blocks - 1)
    }

    /// The scores of a document by topic.
    pub(crate) fn scores(&self, row: impl Iterator<Item = Feature>) -> Vec<f32> {
        let row: Vec<Feature> = row.collect();
        let blocks: Vec<Lanes> = (0..self.blocks).map(|block| self.apply(&row, block)).collect();
        blocks.as_flattened()[..self.topic_count].to_vec()
    }
}
