//! The largest of many: how candidates are chosen from the sums of all articles.

/// So many sums are looked over at once for one that is large enough.
const AT_ONCE: usize = 16;

/// Keeps the largest of many.
pub(super) struct TopK<T> {
    count: usize,
    /// What is not above it cannot be among them.
    least: f32,
    found: Vec<(f32, T)>,
}

impl<T: Copy + Ord> TopK<T> {
    pub(super) fn new(count: usize) -> Self {
        Self { count: count.max(1), least: 0.0, found: Vec::with_capacity(2 * count) }
    }

    fn push(&mut self, part: f32, place: T) {
        self.found.push((part, place));
        if self.found.len() >= 2 * self.count {
            self.cut();
        }
    }

    /// Pushes the articles whose parts, their sums over their lengths, are large enough, and that
    /// `place` gives a place by their numbers.
    pub(super) fn push_all(
        &mut self,
        sums: &[f32],
        inverse_lengths: &[f32],
        place: impl Fn(u32) -> Option<T>,
    ) {
        let (sum_chunks, last_sums) = sums.as_chunks();
        let (inverse_length_chunks, last_inverse_lengths) = inverse_lengths.as_chunks();
        for (first, (sums, inverse_lengths)) in
            (0..).step_by(AT_ONCE).zip(sum_chunks.iter().zip(inverse_length_chunks))
        {
            self.push_chunk(first, sums, inverse_lengths, &place);
        }
        let (mut sums, mut inverse_lengths) = ([0.0; AT_ONCE], [0.0; AT_ONCE]);
        sums[..last_sums.len()].copy_from_slice(last_sums);
        inverse_lengths[..last_inverse_lengths.len()].copy_from_slice(last_inverse_lengths);
        self.push_chunk((sum_chunks.len() * AT_ONCE) as u32, &sums, &inverse_lengths, &place);
    }

    #[inline(always)]
    fn push_chunk(
        &mut self,
        first: u32,
        sums: &[f32; AT_ONCE],
        inverse_lengths: &[f32; AT_ONCE],
        place: impl Fn(u32) -> Option<T>,
    ) {
        let parts: [f32; AT_ONCE] =
            std::array::from_fn(|number| sums[number] * inverse_lengths[number]);
        let least = self.least;
        // A bit for each that is large enough: few are.
        let mut large = (0..AT_ONCE)
            .fold(0_u32, |large, number| large | u32::from(parts[number] > least) << number);
        while large > 0 {
            let number = large.trailing_zeros();
            large &= large - 1;
            let part = parts[number as usize];
            if part > self.least
                && let Some(place) = place(first + number)
            {
                self.push(part, place);
            }
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.count {
            self.found.select_nth_unstable_by(self.count - 1, |a, b| {
                b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
            });
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
        let mut best = TopK::new(3);
        for (place, part) in (0..).zip([5.0, 1.0, 9.0, 7.0, 3.0, 8.0, 2.0, 6.0, 4.0]) {
            best.push(part, place);
        }
        let mut kept: Vec<u32> = best.into_vec().into_iter().map(|(_, place)| place).collect();
        kept.sort_unstable();
        assert_eq!(kept, [2, 3, 5]);
    }

    #[test]
    fn a_part_is_a_sum_over_its_length_and_what_has_no_place_is_left_out() {
        let mut best = TopK::new(2);
        let sums: Vec<f32> = (0..40_u8).map(f32::from).collect();
        // Of an even number: 1; of an odd one: none.
        let inverse_lengths: Vec<f32> =
            (0..40_u8).map(|number| f32::from(1 - number % 2)).collect();
        best.push_all(&sums, &inverse_lengths, |number| (number != 36).then_some(number));
        let mut kept = best.into_vec();
        kept.sort_by_key(|(_, number)| *number);
        assert_eq!(kept, [(34.0, 34), (38.0, 38)]);
    }
}
