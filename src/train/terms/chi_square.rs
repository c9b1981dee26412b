//! The chi-square statistic of a term against the topics.

/// The share of documents per topic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopicSizes {
    /// Per topic.
    shares: Vec<f64>,
}

impl TopicSizes {
    pub(crate) fn new(sizes: &[u64]) -> Self {
        let sum = sizes.iter().sum::<u64>().max(1) as f64;
        Self { shares: sizes.iter().map(|&size| size as f64 / sum).collect() }
    }

    /// The statistic of a term that occurs in this many documents of each topic.
    ///
    /// Tests the contingency table of the term's presence against the topics, with the continuity
    /// correction of Yates (1934). With `expected` for the counts of a term independent of the
    /// topics, it is the sum over the topics of
    ///
    /// ```text
    /// max(|observed - expected| - 1/2, 0)^2 / expected
    /// ```
    ///
    /// Without the correction, pairs in two documents of one rare topic would come out on top, and
    /// say nothing about a third document.
    #[inline(always)]
    pub(crate) fn chi_square(&self, observed: &[u32]) -> f64 {
        let total = f64::from(observed.iter().sum::<u32>());
        let part = |(&observed, share): (&u32, &f64)| {
            let expected = total * share;
            let difference = ((f64::from(observed) - expected).abs() - 0.5).max(0.0);
            if expected > 0.0 { difference * difference / expected } else { 0.0 }
        };
        observed.iter().zip(&self.shares).map(part).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_documents_of_a_rare_topic_weigh_less_than_many_of_a_common_one() {
        let sizes = TopicSizes::new(&[10, 490, 500]);
        // By hand: expected 0.02, 0.98, 1; (1.98 - 0.5)^2 / 0.02 + (0.98 - 0.5)^2 / 0.98
        // + (1 - 0.5)^2 / 1.
        let by_hand = 1.48f64.powi(2) / 0.02 + 0.48f64.powi(2) / 0.98 + 0.25;
        assert!((sizes.chi_square(&[2, 0, 0]) - by_hand).abs() < 1e-9);
        assert!(sizes.chi_square(&[2, 0, 0]) < sizes.chi_square(&[0, 200, 0]));
        assert_eq!(sizes.chi_square(&[0, 1, 1]), 0.0);
    }

    #[test]
    fn a_topic_without_documents_adds_nothing() {
        assert_eq!(TopicSizes::new(&[5, 0]).chi_square(&[3, 0]), 0.0);
    }
}
