//! Selects the highest scores: how candidates are chosen among all articles.

/// How many scores are tested at once.
const LANES: usize = 16;

/// The highest scores of a sequence.
pub(super) struct TopK<T> {
    count: usize,
    /// The largest factor that raises a score.
    max_factor: f32,
    /// Scores up to this one cannot be among the highest.
    least: f32,
    found: Vec<(f32, T)>,
}

impl<T: Copy + Ord> TopK<T> {
    /// Selects `count` scores, which are boosted by factors of up to `max_factor`.
    pub(super) fn new(count: usize, max_factor: f32) -> Self {
        Self { count: count.max(1), max_factor, least: 0.0, found: Vec::with_capacity(2 * count) }
    }

    fn push(&mut self, score: f32, place: T) {
        self.found.push((score, place));
        if self.found.len() >= 2 * self.count {
            self.cut();
        }
    }

    /// Pushes the articles whose scores, their sums times their inverse lengths times their
    /// factors, are high enough. `place` maps the number of an article to its factor and its
    /// place, or rejects it.
    pub(super) fn push_all(
        &mut self,
        sums: &[f32],
        inverse_lengths: &[f32],
        place: impl Fn(u32) -> Option<(f32, T)>,
    ) {
        let (sum_chunks, last_sums) = sums.as_chunks();
        let (inverse_length_chunks, last_inverse_lengths) = inverse_lengths.as_chunks();
        for (first, (sums, inverse_lengths)) in
            (0..).step_by(LANES).zip(sum_chunks.iter().zip(inverse_length_chunks))
        {
            self.push_chunk(first, sums, inverse_lengths, &place);
        }
        let (mut sums, mut inverse_lengths) = ([0.0; LANES], [0.0; LANES]);
        sums[..last_sums.len()].copy_from_slice(last_sums);
        inverse_lengths[..last_inverse_lengths.len()].copy_from_slice(last_inverse_lengths);
        self.push_chunk((sum_chunks.len() * LANES) as u32, &sums, &inverse_lengths, &place);
    }

    #[inline(always)]
    fn push_chunk(
        &mut self,
        first: u32,
        sums: &[f32; LANES],
        inverse_lengths: &[f32; LANES],
        place: impl Fn(u32) -> Option<(f32, T)>,
    ) {
        let scores: [f32; LANES] =
            std::array::from_fn(|number| sums[number] * inverse_lengths[number]);
        let Self { least, max_factor, .. } = *self;
        // One bit per score that is high enough: few are.
        let mut large = (0..LANES).fold(0_u32, |large, number| {
            large | u32::from(scores[number] * max_factor > least) << number
        });
        while large > 0 {
            let number = large.trailing_zeros();
            large &= large - 1;
            let score = scores[number as usize];
            if score * max_factor > self.least
                && let Some((factor, place)) = place(first + number)
                && score * factor > self.least
            {
                self.push(score * factor, place);
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
    fn the_highest_scores_are_selected() {
        let mut best = TopK::new(3, 1.0);
        for (place, score) in (0..).zip([5.0, 1.0, 9.0, 7.0, 3.0, 8.0, 2.0, 6.0, 4.0]) {
            best.push(score, place);
        }
        let mut selected: Vec<u32> = best.into_vec().into_iter().map(|(_, place)| place).collect();
        selected.sort_unstable();
        assert_eq!(selected, [2, 3, 5]);
    }

    #[test]
    fn a_score_is_a_sum_times_an_inverse_length_and_articles_without_a_place_are_left_out() {
        let mut best = TopK::new(2, 1.0);
        let sums: Vec<f32> = (0..40_u8).map(f32::from).collect();
        // 1 for even numbers, 0 for odd ones.
        let inverse_lengths: Vec<f32> =
            (0..40_u8).map(|number| f32::from(1 - number % 2)).collect();
        best.push_all(&sums, &inverse_lengths, |number| (number != 36).then_some((1.0, number)));
        let mut selected = best.into_vec();
        selected.sort_by_key(|(_, number)| *number);
        assert_eq!(selected, [(34.0, 34), (38.0, 38)]);
    }

    #[test]
    fn a_factor_raises_a_low_score_above_higher_ones() {
        let mut best = TopK::new(2, 4.0);
        let sums: Vec<f32> = (1..=40_u8).map(f32::from).collect();
        best.push_all(&sums, &[1.0; 40], |number| {
            Some((if number == 10 { 4.0 } else { 1.0 }, number))
        });
        let mut selected = best.into_vec();
        selected.sort_by_key(|(_, number)| *number);
        assert_eq!(selected, [(44.0, 10), (40.0, 39)]);
    }
}
