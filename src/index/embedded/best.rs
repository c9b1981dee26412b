//! The largest of many: how candidates are chosen from the sums of all articles.

/// So many sums are looked over at once for one that is large enough.
const LOOKED_OVER_AT_ONCE: usize = 16;

/// Keeps the largest of many.
pub(super) struct Best<T> {
    count: usize,
    /// What is not above it cannot be among them.
    least: f32,
    found: Vec<(f32, T)>,
}

impl<T: Copy + Ord> Best<T> {
    pub(super) fn new(count: usize) -> Self {
        Self { count: count.max(1), least: 0.0, found: Vec::with_capacity(2 * count) }
    }

    fn push(&mut self, part: f32, place: T) {
        self.found.push((part, place));
        if self.found.len() >= 2 * self.count {
            self.cut();
        }
    }

    /// Pushes the articles whose parts, their sums over their lengths, are large enough, and that `place` gives a place by their
    /// numbers.
    pub(super) fn push_all(&mut self, sums: &[f32], inverse_lengths: &[f32], place: impl Fn(u32) -> Option<T>) {
        let chunks = sums.chunks(LOOKED_OVER_AT_ONCE).zip(inverse_lengths.chunks(LOOKED_OVER_AT_ONCE));
        for (first, (sums, inverse_lengths)) in (0..).step_by(LOOKED_OVER_AT_ONCE).zip(chunks) {
            let parts = sums.iter().zip(inverse_lengths).map(|(sum, inverse_length)| sum * inverse_length);
            let least = self.least;
            if !parts.clone().fold(false, |is_any, part| is_any | (part > least)) {
                continue;
            }
            for (number, part) in (first..).zip(parts) {
                if part > self.least
                    && let Some(place) = place(number)
                {
                    self.push(part, place);
                }
            }
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.count {
            self.found.select_nth_unstable_by(self.count - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            self.found.truncate(self.count);
            self.least = self.found[self.count - 1].0;
        }
    }

    pub(super) fn into_vec(mut self) -> Vec<(f32, T)> {
        self.cut();
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_many_are_kept() {
        let mut best = Best::new(3);
        for (place, part) in (0..).zip([5.0, 1.0, 9.0, 7.0, 3.0, 8.0, 2.0, 6.0, 4.0]) {
            best.push(part, place);
        }
        let mut kept: Vec<u32> = best.into_vec().into_iter().map(|(_, place)| place).collect();
        kept.sort_unstable();
        assert_eq!(kept, [2, 3, 5]);
    }

    #[test]
    fn a_part_is_a_sum_over_its_length_and_what_has_no_place_is_left_out() {
        let mut best = Best::new(2);
        let sums: Vec<f32> = (0..40_u8).map(f32::from).collect();
        // Of an even number: 1; of an odd one: none.
        let inverse_lengths: Vec<f32> = (0..40_u8).map(|number| f32::from(1 - number % 2)).collect();
        best.push_all(&sums, &inverse_lengths, |number| (number != 36).then_some(number));
        let mut kept = best.into_vec();
        kept.sort_by_key(|(_, number)| *number);
        assert_eq!(kept, [(34.0, 34), (38.0, 38)]);
    }
}
