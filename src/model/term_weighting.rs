//! Weighs the terms of an article: logarithmic frequency, scaled by the length of the vector.

use std::sync::LazyLock;

/// The number of counts whose logarithm is in a table.
const TABLED_COUNTS: usize = 256;

/// Logarithmic term frequencies of small counts.
pub(super) struct LogTfTable([f32; TABLED_COUNTS]);

impl LogTfTable {
    /// Like [`log_tf()`].
    #[inline]
    pub(super) fn log_tf(&self, count: u32) -> f32 {
        match self.0.get(count as usize) {
            Some(&tf) => tf,
            None => (1.0 + libm::log(f64::from(count))) as f32,
        }
    }
}

static LOG_TF: LazyLock<LogTfTable> = LazyLock::new(|| {
    LogTfTable(std::array::from_fn(|count| {
        if count == 0 { 0.0 } else { (1.0 + libm::log(count as f64)) as f32 }
    }))
});

/// The table, for callers with many look-ups.
pub(super) fn log_tf_table() -> &'static LogTfTable {
    &LOG_TF
}

/// Logarithmic term frequency: `1 + ln count`; 0 for a count of 0. (Salton and Buckley, 1988.)
#[inline]
pub fn log_tf(count: u32) -> f32 {
    // Nearly all counts are 1.
    if count == 1 { 1.0 } else { log_tf_table().log_tf(count) }
}

/// The factor that scales an article's vector, from the sum of its squares: `1 / length^1.25`, and
/// 0 for an empty vector.
///
/// A power above 1 counters overconfidence on long articles: with vectors of length 1, the longest
/// tenth of newsroom was right less often than its probabilities said, and the shortest tenth more
/// often (cross-validation on six corpora). 1.25 needs only square roots, which are the same on
/// every machine. (Pivoted normalisation, Singhal, Buckley and Mitra, SIGIR 1996, corrects the same
/// bias of the cosine in retrieval.) See docs/adr/0005.
#[inline]
pub fn length_scale(squares: f64) -> f64 {
    if squares > 0.0 {
        let length = squares.sqrt();
        1.0 / (length * length.sqrt().sqrt())
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_vector_is_scaled_down_to_less_than_length_1() {
        assert_eq!(length_scale(0.0), 0.0);
        assert_eq!(length_scale(1.0), 1.0);
        // 16^1.25 = 32.
        assert!((length_scale(256.0) - 1.0 / 32.0).abs() < 1e-15);
    }

    #[test]
    fn log_tf_is_the_same_inside_and_outside_the_table() {
        assert_eq!(log_tf(0), 0.0);
        assert_eq!(log_tf(1), 1.0);
        for count in [255u32, 256, 100_000] {
            assert_eq!(log_tf(count), (1.0 + libm::log(f64::from(count))) as f32);
        }
    }
}
