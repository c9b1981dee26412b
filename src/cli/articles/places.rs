//! Finds the place in the input that an imported article came from.

use crate::corpus::Location;

/// The locations of the articles sent, by their number in the stream.
#[derive(Default)]
pub(super) struct Places {
    /// Runs of articles on consecutive lines, each by its first one.
    runs: Vec<Run>,
    count: usize,
}

impl Places {
    /// Adds the next article.
    pub(super) fn add(&mut self, input: usize, location: Location) {
        let is_next = |run: &Run| {
            run.input == input && location.column == 0 && run.location(self.count) == location
        };
        if !self.runs.last().is_some_and(is_next) {
            self.runs.push(Run { number: self.count, input, first: location });
        }
        self.count += 1;
    }

    /// The input and the location of an article.
    pub(super) fn find(&self, number: usize) -> Option<(usize, Location)> {
        let after = self.runs.partition_point(|run| run.number <= number);
        let run = &self.runs[after.checked_sub(1)?];
        (number < self.count).then(|| (run.input, run.location(number)))
    }
}

struct Run {
    /// The number of its first article.
    number: usize,
    input: usize,
    /// Where its first article begins.
    first: Location,
}

impl Run {
    fn location(&self, number: usize) -> Location {
        Location { line: self.first.line + (number - self.number) as u64, ..self.first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_found_by_its_number() {
        let mut places = Places::default();
        let shared = Location { line: 6, column: 9 };
        let added = [(0, 1.into()), (0, 2.into()), (0, 4.into()), (1, 5.into()), (1, 6.into())];
        let added: Vec<(usize, Location)> =
            added.into_iter().chain([(1, shared), (1, 7.into())]).collect();
        added.iter().for_each(|&(input, location)| places.add(input, location));
        for (number, expected) in added.iter().enumerate() {
            assert_eq!(places.find(number), Some(*expected));
        }
        assert_eq!(places.find(added.len()), None);
        assert_eq!(places.runs.len(), 5);
    }
}
