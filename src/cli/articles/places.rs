//! Finds the line that an imported article came from.

/// The lines of the articles sent, by their number in the stream.
#[derive(Default)]
pub(super) struct Places {
    /// Runs of articles on consecutive lines, each by its first one.
    runs: Vec<Run>,
    count: usize,
}

impl Places {
    /// Adds the next article.
    pub(super) fn add(&mut self, input: usize, line: u64) {
        let is_next =
            |run: &Run| run.input == input && run.line + (self.count - run.number) as u64 == line;
        if !self.runs.last().is_some_and(is_next) {
            self.runs.push(Run { number: self.count, input, line });
        }
        self.count += 1;
    }

    /// The input and the line of an article.
    pub(super) fn find(&self, number: usize) -> Option<(usize, u64)> {
        let after = self.runs.partition_point(|run| run.number <= number);
        let run = &self.runs[after.checked_sub(1)?];
        (number < self.count).then(|| (run.input, run.line + (number - run.number) as u64))
    }
}

struct Run {
    number: usize,
    input: usize,
    line: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_found_by_its_number() {
        let mut places = Places::default();
        for (input, line) in [(0, 1), (0, 2), (0, 4), (1, 5), (1, 6)] {
            places.add(input, line);
        }
        let found: Vec<_> = (0..6).map(|number| places.find(number)).collect();
        assert_eq!(
            found,
            [Some((0, 1)), Some((0, 2)), Some((0, 4)), Some((1, 5)), Some((1, 6)), None]
        );
        assert_eq!(places.runs.len(), 3);
    }
}
