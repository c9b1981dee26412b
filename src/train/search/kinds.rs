//! The kinds of estimates that there are, and what is tried of them.

use crate::train::estimate::{Estimate, Estimator, Margin, Solver};
use crate::train::link::MAX_KINDS;

/// The estimators that can be asked for by name.
pub const ESTIMATORS: [Estimator; 2] = [Estimator::MULTINOMIAL, Estimator::COMPLEMENT];

/// What [`crate::train::Recipe::Auto`] tries: the estimates of each line by themselves, and all of
/// a line under a link. The first lines on any corpus, the others on a small one: there smoothing
/// should often be stronger, and trying costs little.
pub(super) const LINES: [[Estimate; 2]; 2] = [line(0.03, 0.1), line(0.1, 0.4)];
pub(super) const SMALL_LINES: [[Estimate; 2]; 2] = [line(0.4, 0.4), line(1.0, 1.0)];

/// What a link over the best line also looks at, each where it lowers the log loss; on a small
/// corpus, for these fit to the documents one by one, and often.
pub(super) const SOLVERS: [&dyn Solver; 1] = [&Margin];

/// What is trained where documents have several topics.
pub(super) const MULTI_LABEL: Estimator = Estimator::ONE_AGAINST_REST;

const fn line(multinomial: f64, complement: f64) -> [Estimate; 2] {
    [
        Estimate { estimator: Estimator::MULTINOMIAL, smoothing: multinomial },
        Estimate { estimator: Estimator::COMPLEMENT, smoothing: complement },
    ]
}

// What a link looks at has room in it.
const _: () = assert!(LINES[0].len() + SOLVERS.len() <= MAX_KINDS);
