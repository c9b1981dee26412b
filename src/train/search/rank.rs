//! Says which of the recipes that were tried is the best.

use crate::model::MetricsRecord;

/// Puts the best trial first, followed by the others in order of accuracy. The best has the least
/// log loss of those whose accuracy lies within a standard error of the highest: on a few thousand
/// documents accuracy cannot tell more, and the log loss also sees the probabilities. (The
/// one-standard-error rule of Breiman, Friedman, Olshen and Stone, 1984.)
pub(super) fn rank<T>(trials: &mut [T], metrics: impl Fn(&T) -> &MetricsRecord) {
    // A stable sort: of equals the first tried comes first.
    trials.sort_by(|a, b| {
        let (a, b) = (metrics(a), metrics(b));
        b.accuracy.total_cmp(&a.accuracy).then(a.log_loss.total_cmp(&b.log_loss))
    });
    let Some(highest) = trials.first().map(&metrics) else { return };
    let variance =
        highest.accuracy * (1.0 - highest.accuracy) / highest.document_count.max(1) as f64;
    let least = highest.accuracy - variance.sqrt();
    let best = (0..trials.len())
        .filter(|&place| metrics(&trials[place]).accuracy >= least)
        .min_by(|&a, &b| metrics(&trials[a]).log_loss.total_cmp(&metrics(&trials[b]).log_loss));
    if let Some(best) = best {
        trials[..=best].rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(document_count: u64, accuracy: f64, log_loss: f64) -> MetricsRecord {
        MetricsRecord {
            document_count,
            accuracy,
            micro_f1: accuracy,
            macro_f1: accuracy,
            log_loss,
            expected_calibration_error: 0.0,
            confident_share: 0.0,
        }
    }

    /// The accuracies in the order of the ranking.
    fn ranked(document_count: u64, trials: &[(f64, f64)]) -> Vec<f64> {
        let mut trials: Vec<MetricsRecord> = trials
            .iter()
            .map(|&(accuracy, log_loss)| metrics(document_count, accuracy, log_loss))
            .collect();
        rank(&mut trials, |metrics| metrics);
        trials.iter().map(|metrics| metrics.accuracy).collect()
    }

    #[test]
    fn within_a_standard_error_of_the_highest_accuracy_the_log_loss_decides() {
        // The standard error of 0.8 is 0.04 on 100 documents, and 0.004 on 10,000.
        let trials = [(0.75, 0.1), (0.77, 0.5), (0.78, 0.6), (0.8, 0.7)];
        assert_eq!(ranked(100, &trials), [0.77, 0.8, 0.78, 0.75]);
        assert_eq!(ranked(10_000, &trials), [0.8, 0.78, 0.77, 0.75]);
    }
}
