//! Recency: ranks articles higher the closer in time they are to what they are compared with.

use std::time::Duration;

use super::article::PublishTime;

/// How much an article of the reference time gains: its score is `1 + GAIN` times its similarity
/// (docs/ranking.md has the measurements).
const GAIN: f64 = 1.0;

/// A ranking by closeness in time as well as by similarity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recency {
    /// The age at which half of the gain is left; longer than zero.
    pub half_life: Duration,
    /// The time from which ages are measured.
    pub reference: ReferenceTime,
}

/// The time from which ages are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceTime {
    /// This one.
    At(PublishTime),
    /// The publish time of the source.
    OfSource {
        /// Replaces it where the source has none.
        otherwise: PublishTime,
    },
}

/// The factor between the similarity and the score of an article.
#[derive(Debug, Clone, Copy)]
pub(super) enum Boost {
    /// 1: scores are similarities.
    None,
    /// `1 + GAIN * 2^(-age / half-life)`, where the age is the distance to the reference time,
    /// before or after it.
    Recency { reference: PublishTime, half_life_us: f64 },
}

impl Boost {
    /// The boost of a search whose source was published at a time, if that is known.
    pub(super) fn new(recency: Option<Recency>, source: Option<PublishTime>) -> Self {
        let Some(Recency { half_life, reference }) = recency else { return Self::None };
        let reference = match reference {
            ReferenceTime::At(time) => time,
            ReferenceTime::OfSource { otherwise } => source.unwrap_or(otherwise),
        };
        Self::Recency { reference, half_life_us: half_life.as_secs_f64() * 1e6 }
    }

    /// The largest factor there is; the smallest is 1.
    pub(super) fn max_factor(&self) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Recency { .. } => 1.0 + GAIN,
        }
    }

    /// The factor of an article; 1 for one without a publish time, which `published` reads.
    #[inline]
    pub(super) fn factor(&self, published: impl FnOnce() -> Option<PublishTime>) -> f64 {
        let Self::Recency { reference, half_life_us } = self else { return 1.0 };
        published().map_or(1.0, |PublishTime(time)| {
            let age_us = reference.0.abs_diff(time) as f64;
            1.0 + GAIN * libm::exp2(-age_us / half_life_us)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    fn boost(reference: ReferenceTime, source: Option<i64>) -> Boost {
        let half_life = Duration::from_secs(86_400);
        Boost::new(Some(Recency { half_life, reference }), source.map(PublishTime))
    }

    fn factors(boost: &Boost, days: [i64; 4]) -> [f64; 4] {
        days.map(|day| boost.factor(|| Some(PublishTime(day * DAY_US))))
    }

    #[test]
    fn the_gain_halves_with_every_half_life_before_and_after_the_reference_time() {
        let boost = boost(ReferenceTime::At(PublishTime(10 * DAY_US)), Some(0));
        let expected = [1.0, 0.5, 0.5, 0.25].map(|part| 1.0 + GAIN * part);
        assert_eq!(factors(&boost, [10, 9, 11, 8]), expected);
        assert_eq!(boost.max_factor(), expected[0]);
    }

    #[test]
    fn the_source_s_own_time_is_the_reference_if_it_has_one() {
        let otherwise = PublishTime(5 * DAY_US);
        for (source, reference) in [(Some(3 * DAY_US), 3), (None, 5)] {
            let boost = boost(ReferenceTime::OfSource { otherwise }, source);
            let newest = factors(&boost, [2, 3, 5, 6]).into_iter().zip([2, 3, 5, 6]);
            let newest = newest.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, day)| day);
            assert_eq!(newest, Some(reference));
        }
    }

    #[test]
    fn an_article_without_a_time_is_ranked_by_its_similarity() {
        let boost = boost(ReferenceTime::At(PublishTime(0)), None);
        assert_eq!(boost.factor(|| None), 1.0);
        assert_eq!(boost.factor(|| Some(PublishTime(i64::MAX))), 1.0);
        assert_eq!(Boost::None.factor(|| panic!("the time is not read")), 1.0);
    }
}
