//! Documents that were held out, and their scores.

/// A document that was scored by a model that did not see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldOut {
    /// The part it was dealt to, of five: its fold, unless there is a single fold.
    pub(crate) part: u8,
    pub(crate) topics: Vec<usize>,
    /// The number of its words other than numbers, and of those that the model knew.
    pub(crate) token_count: u32,
    pub(crate) known_token_count: u32,
}

/// Scores per document and topic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScoreTable {
    topic_count: usize,
    values: Vec<f32>,
}

impl ScoreTable {
    pub(crate) fn new(topic_count: usize) -> Self {
        Self { topic_count, values: Vec::new() }
    }

    pub(crate) fn topic_count(&self) -> usize {
        self.topic_count
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.topic_count
    }

    pub(crate) fn row(&self, document: usize) -> &[f32] {
        &self.values[document * self.topic_count..][..self.topic_count]
    }

    /// The standard deviation of all scores; 1 where there are none or all are alike.
    pub(crate) fn deviation(&self) -> f64 {
        let count = self.values.len().max(1) as f64;
        let mean = self.values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        let square = |&value: &f32| (f64::from(value) - mean) * (f64::from(value) - mean);
        let variance = self.values.iter().map(square).sum::<f64>() / count;
        if variance > 0.0 { variance.sqrt() } else { 1.0 }
    }

    /// Adds a document's scores, one per topic.
    pub(crate) fn push(&mut self, scores: impl IntoIterator<Item = f32>) {
        self.values.extend(scores);
    }
}

/// Documents of these topics and scores, for tests.
#[cfg(test)]
pub(crate) fn held_out(rows: &[(&[usize], &[f32])]) -> (Vec<HeldOut>, ScoreTable) {
    let mut table = ScoreTable::new(rows.first().map_or(1, |(_, scores)| scores.len()));
    let documents = rows
        .iter()
        .map(|(topics, scores)| {
            table.push(scores.iter().copied());
            HeldOut { part: 0, topics: topics.to_vec(), token_count: 10, known_token_count: 9 }
        })
        .collect();
    (documents, table)
}
