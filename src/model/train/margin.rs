//! Fits each topic's weights against the rest so that the margin between them is wide: a third kind
//! of score for the link.
//!
//! Naive Bayes looks at each term by itself, and counts what several terms say together as often as
//! they say it. With few documents that is what keeps it from guessing, and it is also what it gets
//! wrong. These weights are chosen together. With `y = 1` for the documents of a topic, `y = -1`
//! for all others and `x` a document's vector, they minimise
//!
//! ```text
//! |w|^2 / 2 + b^2 / 2 + C * sum over the documents of max(0, 1 - y (w x + b))^2
//! ```
//!
//! which is the linear support vector machine with squared loss. It is solved in the dual by
//! coordinate descent, for all topics at once: a document's terms are read once for all of them.
//! (Hsieh, Chang, Lin, Keerthi and Sundararajan, "A Dual Coordinate Descent Method for Large-scale
//! Linear SVM", ICML 2008; Fan et al., LIBLINEAR, JMLR 2008. Stacked with naive Bayes in the spirit
//! of Wang and Manning, "Baselines and Bigrams", ACL 2012.) By itself it is no better than naive
//! Bayes on headlines and has no probabilities; the link has both.

mod vectors;

use fearless_simd::{Level, Simd, dispatch};
use ndarray::Array2;

use super::TrainError;
use super::cross_validate::{Bench, ScoreTable};
use super::estimate::Linear;
use super::folds::{FOLDS, shuffled};
use super::inverted::{Inverted, Rank};
use super::threads::for_each_place;
use vectors::{Entry, Rows, Vectors};

/// What a document on the wrong side costs, `C`. From 0.3 to 3 accuracy by cross-validation changed
/// by 0.007 at most on five corpora.
const COST: f32 = 1.0;
/// The search ends where no dual variable has a projected gradient above this, or after so many
/// passes, which is what ends it on corpora of thousands of documents. Three times as many changed
/// test accuracy in either direction (by 0.007 at most, and four documents where 340 were
/// measured).
const TOLERANCE: f32 = 0.01;
const MAX_PASSES: usize = 20;
/// Terms of documents that are worth the memory; and times topics, the time.
const MAX_POSTINGS: u64 = 1 << 23;
const MAX_PRODUCTS: u64 = 1 << 27;
/// Terms times topics.
const MAX_WEIGHTS: u64 = 1 << 24;
/// So many topics are worked on together; rows of weights are padded to a multiple.
const LANES: usize = 8;
type Lanes = [f32; LANES];
/// Decides the order in which documents are looked at.
const ORDER_SEED: u64 = 1;

/// The fitted weights.
#[derive(Debug)]
pub(super) struct Margin {
    /// The scores of the held-out documents, in their order, by the weights fitted without their
    /// fold.
    pub(super) held_out: ScoreTable,
    /// Fitted to all documents, for the selected terms.
    pub(super) linear: Linear,
}

impl Margin {
    /// Fits to the terms that are selected; None where the corpus is too large for it.
    pub(super) fn fit(bench: &Bench<'_>) -> Result<Option<Self>, TrainError> {
        let Bench { corpus, counts, .. } = *bench;
        let topic_count = corpus.topics.len();
        let pool = || corpus.terms().filter(|term| term.rank > Rank::Dropped);
        let postings: u64 = pool().map(|term| u64::from(term.document_frequency)).sum();
        let (weights, products) =
            (counts.pool_size as u64 * topic_count as u64, postings * topic_count as u64);
        if postings > MAX_POSTINGS || weights > MAX_WEIGHTS || products > MAX_PRODUCTS {
            return Ok(None);
        }
        let fitting = Fitting {
            bench,
            vectors: Vectors::of(bench)?,
            order: order_of(corpus),
            factor: counts.selected.length_factor(),
        };
        let parts = for_each_place(
            FOLDS + 1,
            corpus.threads,
            || (Vec::new(), None),
            |(held_out, linear), fold| {
                match fold {
                    FOLDS => *linear = Some(fitting.whole()),
                    fold => held_out.extend(fitting.scores_of(fold)),
                }
                Ok(())
            },
        )?;
        let (held_out, linear): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let mut rows: Vec<(u32, Vec<f32>)> = held_out.into_iter().flatten().collect();
        rows.sort_unstable_by_key(|(place, _)| *place);
        let mut held_out = ScoreTable::new(topic_count);
        rows.into_iter().for_each(|(_, row)| held_out.push(row));
        Ok(linear.into_iter().flatten().next().map(|linear| Self { held_out, linear }))
    }
}

/// All documents in an order that neither threads nor neighbourhood decide: nearby documents are
/// alike, and a pass over one topic after the other would learn each anew.
fn order_of(corpus: &Inverted) -> Vec<u32> {
    let mut order: Vec<u32> = (0..corpus.document_count() as u32).collect();
    order
        .sort_unstable_by_key(|&document| shuffled(ORDER_SEED, corpus.ordinals[document as usize]));
    order
}

/// What all the fits look at.
struct Fitting<'a> {
    bench: &'a Bench<'a>,
    vectors: Vectors,
    /// The documents.
    order: Vec<u32>,
    /// What a vector is multiplied by so that a document of typical length has length 1, as for
    /// naive Bayes.
    factor: f64,
}

impl Fitting<'_> {
    /// The model for all selected terms.
    fn whole(&self) -> Linear {
        let mut problem = Problem::default();
        for &document in &self.order {
            let row = self.vectors.whole(document, self.scale(document));
            problem.push(row, self.bench.corpus.document_topics.of(document));
        }
        let planes = self.solve(&problem);
        let terms: Vec<usize> = self.vectors.selected().collect();
        let weight =
            |topic: usize, term: usize| f64::from(planes.of_term(term)[topic]) * self.factor;
        Linear {
            weights: Array2::from_shape_fn((planes.topic_count, terms.len()), |(topic, place)| {
                weight(topic, terms[place])
            }),
            bias: planes.bias().iter().map(|&bias| f64::from(bias)).collect(),
        }
    }

    /// The scores of the documents held out with a fold, by what is fitted to all others; each with
    /// its place among those held out.
    fn scores_of(&self, fold: usize) -> Vec<(u32, Vec<f32>)> {
        let Bench { corpus, folds, counts, .. } = *self.bench;
        let mut problem = Problem::default();
        for &document in self.order.iter().filter(|&&document| folds.of(document) != fold) {
            let row = self.vectors.without(fold, document, self.scale(document));
            problem.push(row, corpus.document_topics.of(document));
        }
        let planes = self.solve(&problem);
        let held_out =
            folds.held_out().iter().zip(0..).filter(|&(&document, _)| folds.of(document) == fold);
        held_out
            .map(|(&document, place)| {
                let scale = counts.known_scales[place as usize] * self.factor as f32;
                (place, planes.scores(self.vectors.without(fold, document, scale)))
            })
            .collect()
    }

    fn scale(&self, document: u32) -> f32 {
        self.bench.lengths.scale(document) * self.factor as f32
    }

    fn solve(&self, problem: &Problem<'_>) -> Planes {
        problem.solve(self.vectors.term_count(), self.bench.corpus.topics.len())
    }
}

/// Documents to fit to, and the topics of each.
#[derive(Default)]
struct Problem<'a> {
    rows: Rows,
    topics: Vec<&'a [u32]>,
}

impl<'a> Problem<'a> {
    fn push(&mut self, row: impl Iterator<Item = Entry>, topics: &'a [u32]) {
        self.rows.push(row);
        self.topics.push(topics);
    }

    /// Minimises for all topics.
    fn solve(&self, term_count: usize, topic_count: usize) -> Planes {
        dispatch!(Level::new(), simd => self.solve_in(simd, term_count, topic_count))
    }

    #[inline(always)]
    fn solve_in(&self, _: impl Simd, term_count: usize, topic_count: usize) -> Planes {
        let blocks = topic_count.div_ceil(LANES);
        let mut planes = Planes {
            topic_count,
            blocks,
            lanes: vec![Lanes::default(); (term_count + 1) * blocks],
        };
        // By document: the dual variables. What is behind the topics stands for one more, which no
        // document has.
        let mut duals = vec![Lanes::default(); self.rows.len() * blocks];
        let squares: Vec<f32> = (0..self.rows.len())
            .map(|place| {
                1.0 + self.rows.row(place).iter().map(|entry| entry.x * entry.x).sum::<f32>()
            })
            .collect();
        let (mut margins, mut signs) =
            (vec![Lanes::default(); blocks], vec![[-1.0; LANES]; blocks]);
        for _ in 0..MAX_PASSES {
            let mut greatest = 0.0f32;
            for (place, duals) in duals.chunks_exact_mut(blocks).enumerate() {
                let row = self.rows.row(place);
                planes.apply(row, &mut margins);
                self.topics[place]
                    .iter()
                    .for_each(|&topic| signs.as_flattened_mut()[topic as usize] = 1.0);
                for (block, margins) in margins.iter_mut().enumerate() {
                    greatest = greatest.max(step(
                        &mut duals[block],
                        margins,
                        &signs[block],
                        squares[place],
                    ));
                    if *margins != Lanes::default() {
                        planes.add(row, block, margins);
                    }
                }
                self.topics[place]
                    .iter()
                    .for_each(|&topic| signs.as_flattened_mut()[topic as usize] = -1.0);
            }
            if greatest < TOLERANCE {
                break;
            }
        }
        planes
    }
}

/// Moves a document's dual variables to where each is best while all others stay, and puts what its
/// vector is then added with in the place of the margins. Returns how large the greatest projected
/// gradient was.
#[inline(always)]
fn step(duals: &mut Lanes, margins: &mut Lanes, signs: &Lanes, square: f32) -> f32 {
    let mut greatest = 0.0f32;
    for ((dual, margin), sign) in duals.iter_mut().zip(margins).zip(signs) {
        let gradient = sign * *margin - 1.0 + *dual * (0.5 / COST);
        let moved = (*dual - gradient / (square + 0.5 / COST)).max(0.0);
        let projected = if *dual > 0.0 { gradient.abs() } else { (-gradient).max(0.0) };
        greatest = greatest.max(projected);
        *margin = (moved - *dual) * sign;
        *dual = moved;
    }
    greatest
}

/// A hyperplane a topic: a row a term, and one for the bias behind them.
struct Planes {
    topic_count: usize,
    /// A row has so many.
    blocks: usize,
    lanes: Vec<Lanes>,
}

impl Planes {
    /// Sets `margins` to `w x + b` of all topics.
    #[inline(always)]
    fn apply(&self, row: &[Entry], margins: &mut [Lanes]) {
        let (_, bias) = self.lanes.split_at(self.lanes.len() - self.blocks);
        for (block, margins) in margins.iter_mut().enumerate() {
            // The sums stay in registers.
            let mut sums = bias[block];
            for entry in row {
                for (sum, weight) in
                    sums.iter_mut().zip(&self.lanes[entry.term as usize * self.blocks + block])
                {
                    *sum += entry.x * weight;
                }
            }
            *margins = sums;
        }
    }

    /// Adds a document's vector, times `by`, to the planes of a block of topics.
    #[inline(always)]
    fn add(&mut self, row: &[Entry], block: usize, by: &Lanes) {
        for entry in row {
            for (weight, by) in
                self.lanes[entry.term as usize * self.blocks + block].iter_mut().zip(by)
            {
                *weight += entry.x * by;
            }
        }
        let bias = self.lanes.len() - self.blocks + block;
        self.lanes[bias].iter_mut().zip(by).for_each(|(bias, by)| *bias += by);
    }

    /// By topic.
    fn of_term(&self, term: usize) -> &[f32] {
        &self.lanes[term * self.blocks..(term + 1) * self.blocks].as_flattened()[..self.topic_count]
    }

    fn bias(&self) -> &[f32] {
        self.of_term(self.lanes.len() / self.blocks - 1)
    }

    /// The scores of a document by topic.
    fn scores(&self, row: impl Iterator<Item = Entry>) -> Vec<f32> {
        let mut margins = vec![Lanes::default(); self.blocks];
        self.apply(&row.collect::<Vec<_>>(), &mut margins);
        margins.as_flattened()[..self.topic_count].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Terms with their values, and topics.
    type Document = (&'static [(u32, f32)], &'static [u32]);

    fn problem(documents: &[Document]) -> Problem<'static> {
        let mut problem = Problem::default();
        for (row, topics) in documents {
            problem.push(row.iter().map(|&(term, x)| Entry { term, x }), topics);
        }
        problem
    }

    #[test]
    fn the_weights_are_those_of_liblinear() {
        // sklearn.svm.LinearSVC(C=1, tol=1e-10).fit(X, y), coef_ and intercept_, for these five
        // documents of three topics: X = [[1, 0, 0.5], [0, 1, 0.5], [0.5, 0.5, 0], [0, 0.2, 1], [1,
        // 1, 0]], y = [0, 1, 2, 0, 1].
        let problem = problem(&[
            (&[(0, 1.0), (2, 0.5)], &[0]),
            (&[(1, 1.0), (2, 0.5)], &[1]),
            (&[(0, 0.5), (1, 0.5)], &[2]),
            (&[(1, 0.2), (2, 1.0)], &[0]),
            (&[(0, 1.0), (1, 1.0)], &[1]),
        ]);
        let planes = problem.solve(3, 3);
        let expected = [
            [0.2163, -1.0644, 0.9053, -0.0868],
            [-0.1151, 1.1712, -0.2776, -0.6035],
            [-0.3038, -0.3204, -0.8829, 0.071],
        ];
        for (topic, expected) in expected.into_iter().enumerate() {
            let fitted = [
                planes.of_term(0)[topic],
                planes.of_term(1)[topic],
                planes.of_term(2)[topic],
                planes.bias()[topic],
            ];
            for (fitted, expected) in fitted.into_iter().zip(expected) {
                assert!((fitted - expected).abs() < 0.02, "{topic}: {fitted} {expected}");
            }
        }
    }

    #[test]
    fn a_topic_without_documents_scores_below_nothing() {
        let planes = problem(&[(&[(0, 1.0)], &[0]), (&[(1, 1.0)], &[1])]).solve(2, 3);
        for term in [0, 1] {
            let scores = planes.scores([Entry { term, x: 1.0 }].into_iter());
            assert!(scores[2] < -0.3 && scores[term as usize] > 0.0, "{scores:?}");
        }
    }
}
