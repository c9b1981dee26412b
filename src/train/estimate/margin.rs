//! A wide margin between each topic and the rest: the linear support vector machine.
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
//! which is the squared hinge loss. It is solved by coordinate descent in the dual, for all topics
//! at once: a document's terms are read once for all of them. (Hsieh, Chang, Lin, Keerthi and
//! Sundararajan, "A Dual Coordinate Descent Method for Large-scale Linear SVM", ICML 2008; Fan et
//! al., LIBLINEAR, JMLR 2008.) It has no probabilities of its own; the link has.

use fearless_simd::{Level, Simd, dispatch};

use super::solver::{Feature, LANES, Lanes, Planes, Problem, Solver};

/// The search ends where no dual variable has a projected gradient above this, or after the last
/// pass.
const TOLERANCE: f32 = 0.01;

/// The support vector machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Margin {
    /// What a document on the wrong side costs, `C`.
    pub(crate) cost: f32,
    /// The most passes over the documents.
    pub(crate) passes: usize,
}

impl Solver for Margin {
    fn name(&self) -> &'static str {
        "margin"
    }

    fn parameter(&self) -> (&'static str, f64) {
        ("cost", rounded(self.cost))
    }

    fn solve(&self, problem: &Problem<'_>) -> Planes {
        self.solve_scaled(problem, &Unscaled)
    }
}

/// The decimal number that was meant.
pub(super) fn rounded(cost: f32) -> f64 {
    (f64::from(cost) * 1e6).round() / 1e6
}

/// By how much `x` is multiplied, by term and topic.
pub(super) trait Scaling {
    /// The squares of the factors in a place of [`Planes`], other than the bias.
    fn squares(&self, at: usize) -> Lanes;
}

struct Unscaled;

impl Scaling for Unscaled {
    #[inline(always)]
    fn squares(&self, _: usize) -> Lanes {
        [1.0; LANES]
    }
}

impl Margin {
    /// Minimises over scaled vectors; the weights that come out are those of vectors as they are.
    pub(super) fn solve_scaled(self, problem: &Problem<'_>, scaling: &impl Scaling) -> Planes {
        dispatch!(Level::new(), simd => self.descend(simd, problem, scaling))
    }

    /// Passes over the documents in the order they are in, for all topics.
    #[inline(always)]
    fn descend(self, _: impl Simd, problem: &Problem<'_>, scaling: &impl Scaling) -> Planes {
        let mut planes = Planes::zeros(problem);
        let blocks = planes.blocks;
        // By document: the dual variables. Behind the topics stand some that no document has.
        let mut duals = vec![Lanes::default(); problem.rows.len() * blocks];
        let mut signs = vec![[-1.0; LANES]; blocks];
        for _ in 0..self.passes {
            let mut greatest = 0.0f32;
            for (document, duals) in duals.chunks_exact_mut(blocks).enumerate() {
                let (row, topics) = (problem.rows.get(document), problem.topics[document]);
                topics.iter().for_each(|&topic| signs.as_flattened_mut()[topic as usize] = 1.0);
                for (block, duals) in duals.iter_mut().enumerate() {
                    let margins = planes.apply(row, block);
                    let squares = squares(row, block, blocks, scaling);
                    let (by, gradient) = self.step(duals, &margins, &signs[block], &squares);
                    greatest = greatest.max(gradient);
                    if by != Lanes::default() {
                        add(&mut planes, (row, block), &by, scaling);
                    }
                }
                topics.iter().for_each(|&topic| signs.as_flattened_mut()[topic as usize] = -1.0);
            }
            if greatest < TOLERANCE {
                break;
            }
        }
        planes
    }

    /// Moves a document's dual variables to where each is best while all others stay. Returns what
    /// its vector is then added with, and how large the greatest projected gradient was.
    #[inline(always)]
    fn step(
        self,
        duals: &mut Lanes,
        margins: &Lanes,
        signs: &Lanes,
        squares: &Lanes,
    ) -> (Lanes, f32) {
        let (mut by, mut greatest) = (Lanes::default(), 0.0f32);
        let slack = 0.5 / self.cost;
        for lane in 0..LANES {
            let (dual, sign) = (duals[lane], signs[lane]);
            let gradient = sign * margins[lane] - 1.0 + dual * slack;
            let moved = (dual - gradient / (squares[lane] + slack)).max(0.0);
            let projected = if dual > 0.0 { gradient.abs() } else { (-gradient).max(0.0) };
            greatest = greatest.max(projected);
            by[lane] = (moved - dual) * sign;
            duals[lane] = moved;
        }
        (by, greatest)
    }
}

/// The squared lengths of a document's scaled vectors, with 1 for the bias.
#[inline(always)]
fn squares(row: &[Feature], block: usize, blocks: usize, scaling: &impl Scaling) -> Lanes {
    let mut sums = [1.0; LANES];
    for feature in row {
        let factors = scaling.squares(feature.term as usize * blocks + block);
        for (sum, factor) in sums.iter_mut().zip(&factors) {
            *sum += feature.x * feature.x * factor;
        }
    }
    sums
}

/// Adds a document's vector, times `by`, to the planes of a block of topics.
#[inline(always)]
fn add(planes: &mut Planes, (row, block): (&[Feature], usize), by: &Lanes, scaling: &impl Scaling) {
    for feature in row {
        let at = feature.term as usize * planes.blocks + block;
        let factors = scaling.squares(at);
        for ((weight, by), factor) in planes.lanes[at].iter_mut().zip(by).zip(&factors) {
            *weight += feature.x * by * factor;
        }
    }
    let bias = planes.bias_at(block);
    planes.lanes[bias].iter_mut().zip(by).for_each(|(bias, by)| *bias += by);
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST_OF_ONE: Margin = Margin { cost: 1.0, passes: 20 };

    /// Terms with their values, and topics.
    type Document = (&'static [(u32, f32)], &'static [u32]);

    fn problem(term_count: usize, documents: &[Document]) -> Problem<'static> {
        let mut problem = Problem::new(term_count, 3);
        for (row, topics) in documents {
            problem.push(row.iter().map(|&(term, x)| Feature { term, x }), topics);
        }
        problem
    }

    #[test]
    fn the_weights_are_those_of_liblinear() {
        // sklearn.svm.LinearSVC(C=1, tol=1e-10).fit(X, y), coef_ and intercept_, for these five
        // documents of three topics: X = [[1, 0, 0.5], [0, 1, 0.5], [0.5, 0.5, 0], [0, 0.2, 1], [1,
        // 1, 0]], y = [0, 1, 2, 0, 1].
        let problem = problem(
            3,
            &[
                (&[(0, 1.0), (2, 0.5)], &[0]),
                (&[(1, 1.0), (2, 0.5)], &[1]),
                (&[(0, 0.5), (1, 0.5)], &[2]),
                (&[(1, 0.2), (2, 1.0)], &[0]),
                (&[(0, 1.0), (1, 1.0)], &[1]),
            ],
        );
        let planes = COST_OF_ONE.solve(&problem);
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
        let planes = COST_OF_ONE.solve(&problem(2, &[(&[(0, 1.0)], &[0]), (&[(1, 1.0)], &[1])]));
        for term in [0, 1] {
            let scores = planes.scores([Feature { term, x: 1.0 }].into_iter());
            assert!(scores[2] < -0.3 && scores[term as usize] > 0.0, "{scores:?}");
        }
    }
}
