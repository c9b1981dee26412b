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
//! which is the squared hinge loss. It is solved by coordinate descent in the dual, for all topics at
//! once: a document's terms are read once for all of them.
//! (Hsieh, Chang, Lin, Keerthi and Sundararajan, "A Dual Coordinate Descent Method for Large-scale
//! Linear SVM", ICML 2008; Fan et al., LIBLINEAR, JMLR 2008. Stacked with naive Bayes in the spirit
//! of Wang and Manning, "Baselines and Bigrams", ACL 2012.) By itself it is no better than naive
//! Bayes on headlines and has no probabilities; the link has both.

use fearless_simd::{Level, Simd, dispatch};

use super::solver::{Feature, LANES, Lanes, Planes, Problem, Solver};

/// What a document on the wrong side costs, `C`. From 0.3 to 3 accuracy by cross-validation changed
/// by 0.007 at most on five corpora.
const COST: f32 = 1.0;
/// The search ends where no dual variable has a projected gradient above this, or after so many
/// passes, which is what ends it on corpora of thousands of documents. Three times as many changed
/// test accuracy in either direction (by 0.007 at most, and four documents where 340 were
/// measured).
const TOLERANCE: f32 = 0.01;
const MAX_PASSES: usize = 20;
/// The most entries of documents that are worth the memory; and times topics, the time.
const MAX_ENTRIES: u64 = 1 << 23;
const MAX_PRODUCTS: u64 = 1 << 27;
/// Terms times topics.
const MAX_WEIGHTS: u64 = 1 << 24;

/// The support vector machine.
pub(crate) struct Margin;

impl Solver for Margin {
    fn name(&self) -> &'static str {
        "margin"
    }

    fn parameter(&self) -> (&'static str, f64) {
        ("cost", COST.into())
    }

    fn is_affordable(&self, terms: u64, topics: u64, entries: u64) -> bool {
        entries <= MAX_ENTRIES
            && terms.saturating_mul(topics) <= MAX_WEIGHTS
            && entries.saturating_mul(topics) <= MAX_PRODUCTS
    }

    fn solve(&self, problem: &Problem<'_>) -> Planes {
        dispatch!(Level::new(), simd => solve(simd, problem))
    }
}

/// Minimises for all topics, by passes over the documents in the order they are in.
#[inline(always)]
fn solve(_: impl Simd, problem: &Problem<'_>) -> Planes {
    let mut planes = Planes::zeros(problem.term_count, problem.topic_count);
    let blocks = planes.blocks;
    // By document: the dual variables. Behind the topics stands one more, which no document has.
    let mut duals = vec![Lanes::default(); problem.rows.len() * blocks];
    let square = |row: &[Feature]| 1.0 + row.iter().map(|term| term.x * term.x).sum::<f32>();
    let squares: Vec<f32> = problem.rows.iter().map(square).collect();
    let mut margins = vec![Lanes::default(); blocks];
    let mut signs = vec![[-1.0; LANES]; blocks];
    for _ in 0..MAX_PASSES {
        let mut greatest = 0.0f32;
        for (document, duals) in duals.chunks_exact_mut(blocks).enumerate() {
            let (row, topics) = (problem.rows.get(document), problem.topics[document]);
            planes.apply(row, &mut margins);
            topics.iter().for_each(|&topic| signs.as_flattened_mut()[topic as usize] = 1.0);
            for (block, margins) in margins.iter_mut().enumerate() {
                let (duals, square) = (&mut duals[block], squares[document]);
                greatest = greatest.max(step(duals, margins, &signs[block], square));
                if *margins != Lanes::default() {
                    planes.add(row, block, margins);
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let planes = Margin.solve(&problem);
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
        let planes = Margin.solve(&problem(2, &[(&[(0, 1.0)], &[0]), (&[(1, 1.0)], &[1])]));
        for term in [0, 1] {
            let scores = planes.scores([Feature { term, x: 1.0 }].into_iter());
            assert!(scores[2] < -0.3 && scores[term as usize] > 0.0, "{scores:?}");
        }
    }
}
