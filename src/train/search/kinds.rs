//! The kinds of estimates that there are, and what is tried of them.

use crate::model::Labels;
use crate::train::estimate::{Estimate, Estimator, Margin, NbSvm, Solver};

/// The estimators that can be asked for by name.
pub const ESTIMATORS: [Estimator; 2] = [Estimator::MULTINOMIAL, Estimator::COMPLEMENT];

/// What [`crate::train::Recipe::Auto`] tries: the estimates of each line alone, and a link over all
/// of a line. [`SMALL_LINES`] are for small corpora, where stronger smoothing is often better and
/// trying costs little.
pub(super) const LINES: [[Estimate; 2]; 2] = [line(0.03, 0.1), line(0.1, 0.4)];
pub(super) const SMALL_LINES: [[Estimate; 2]; 2] = [line(0.4, 0.4), line(1.0, 1.0)];

/// The estimate for documents of several topics. (Smoothing: docs/adr/0006.)
pub(super) const MULTI_LABEL: Estimate =
    Estimate { estimator: Estimator::ONE_AGAINST_REST, smoothing: 0.8 };

/// Further inputs of a link over the best line; each is kept if it lowers the log loss.
pub(super) fn solvers(labels: Labels) -> &'static [&'static dyn Solver] {
    match labels {
        Labels::Single => {
            &[&Margin { cost: 0.3, passes: 3 }, &NbSvm(Margin { cost: 0.1, passes: 3 })]
        }
        // With fewer passes the thresholds do not hold for other documents.
        Labels::Multiple => &[&Margin { cost: 1.0, passes: 20 }],
    }
}

const fn line(multinomial: f64, complement: f64) -> [Estimate; 2] {
    [
        Estimate { estimator: Estimator::MULTINOMIAL, smoothing: multinomial },
        Estimate { estimator: Estimator::COMPLEMENT, smoothing: complement },
    ]
}
