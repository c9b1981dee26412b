//! Lists of different lengths, one behind the other: the form of every sparse matrix here.

use serde::{Deserialize, Serialize};

/// Lists by number, from 0 on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lists<T> {
    /// Where each list ends among the values.
    ends: Vec<usize>,
    values: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), values: Vec::new() }
    }
}

impl<T> Lists<T> {
    /// Appends a list.
    pub(crate) fn push(&mut self, list: impl IntoIterator<Item = T>) {
        self.values.extend(list);
        self.ends.push(self.values.len());
    }

    /// Removes all lists; the memory is used again.
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.values.clear();
    }

    /// How many lists there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many values all lists have together.
    pub(crate) fn value_count(&self) -> usize {
        self.values.len()
    }

    /// The list of a number.
    pub(crate) fn get(&self, number: usize) -> &[T] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start..self.ends[number]]
    }

    /// The lists, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|number| self.get(number))
    }

    /// Whether the ends ascend to the last value. Lists read from a file must be checked before
    /// they are used.
    pub(crate) fn is_sound(&self) -> bool {
        self.ends.is_sorted() && self.ends.last().copied().unwrap_or(0) == self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_what_was_pushed() {
        let mut lists = Lists::default();
        lists.push([3, 4]);
        lists.push([]);
        lists.push([5]);
        assert_eq!(lists.iter().collect::<Vec<_>>(), [&[3, 4][..], &[], &[5]]);
        assert_eq!((lists.len(), lists.value_count(), lists.is_sound()), (3, 3, true));
    }

    #[test]
    fn ends_that_do_not_fit_the_values_are_noticed() {
        for ends in [vec![2, 1], vec![1], vec![1, 3], vec![]] {
            assert!(!Lists { ends, values: vec!['a', 'b'] }.is_sound());
        }
    }
}
