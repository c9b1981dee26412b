//! Lists of varying length in one allocation.

/// Numbered lists, from 0 on.
#[derive(Debug, Clone, PartialEq)]
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

    /// The number of lists.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The list with this number.
    pub(crate) fn get(&self, number: usize) -> &[T] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start..self.ends[number]]
    }

    /// The lists, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|number| self.get(number))
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
        assert_eq!(lists.len(), 3);
    }
}
