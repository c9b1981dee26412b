//! The corpus as topics, terms and a matrix of counts.

use std::io;

use rayon::prelude::*;

use super::documents::{Documents, Topic};
use super::lists::Lists;
use super::matrix::{self, Matrix};
use super::terms::{LeastFrequencies, TopicSizes, Vocabulary};

/// A corpus, counted.
#[derive(Debug)]
pub(crate) struct Collection<'a> {
    pub(crate) documents: &'a Documents,
    /// In the order of their names.
    pub(crate) topics: Vec<Topic>,
    /// Per document: indices into `topics`, in the order of the record.
    pub(crate) document_topics: Lists<u32>,
    pub(crate) vocabulary: Vocabulary,
    /// The terms per document.
    pub(crate) rows: Matrix,
    /// The documents per term.
    pub(crate) postings: Matrix,
}

impl<'a> Collection<'a> {
    /// Counts the terms that occur in enough documents.
    pub(crate) fn of(documents: &'a Documents, least: LeastFrequencies) -> io::Result<Self> {
        let (topics, document_topics) = by_name(documents);
        let vocabulary = Vocabulary::of(documents, least)?;
        let rows = matrix::count(documents, &vocabulary)?;
        let postings = matrix::transpose(&rows, &vocabulary, topics.len())?;
        Ok(Self { documents, topics, document_topics, vocabulary, rows, postings })
    }

    pub(crate) fn document_count(&self) -> usize {
        self.documents.len()
    }

    /// The number of documents per topic.
    pub(crate) fn topic_sizes(&self) -> Vec<u64> {
        self.topics.iter().map(|topic| topic.document_count).collect()
    }

    /// Whether any term is a word, rather than a number or the form of an article.
    pub(crate) fn has_word(&self) -> bool {
        let is_word = |term| self.vocabulary.is_counted_word(self.documents, term);
        self.vocabulary.terms.iter().any(is_word)
    }

    /// Computes the chi-square statistic of every term.
    pub(crate) fn compute_statistics(&mut self) -> io::Result<()> {
        let sizes = TopicSizes::new(&self.topic_sizes());
        let of_block = |number| {
            let mut presence = vec![0; self.topics.len()];
            let block = self.postings.block(number)?;
            let statistic = |postings: &[[u32; 2]]| {
                presence.fill(0);
                for &[document, _] in postings {
                    let topics = self.document_topics.get(document as usize);
                    topics.iter().for_each(|&topic| presence[topic as usize] += 1);
                }
                sizes.chi_square(&presence)
            };
            io::Result::Ok(block.iter().map(|(_, postings)| postings).map(statistic).collect())
        };
        let statistics: Vec<Vec<f64>> = (0..self.postings.block_count())
            .into_par_iter()
            .map(of_block)
            .collect::<io::Result<_>>()?;
        let terms = self.vocabulary.terms.iter_mut();
        terms.zip(statistics.into_iter().flatten()).for_each(|(term, statistic)| {
            term.statistic = statistic;
        });
        Ok(())
    }
}

/// The topics that occur, ordered by name, and the topics per document as indices into them.
fn by_name(documents: &Documents) -> (Vec<Topic>, Lists<u32>) {
    let mut order: Vec<usize> = (0..documents.topics.len())
        .filter(|&topic| documents.topics[topic].document_count > 0)
        .collect();
    order.sort_unstable_by_key(|&topic| &documents.topics[topic].name);
    let mut places = vec![0; documents.topics.len()];
    order.iter().zip(0..).for_each(|(&topic, place)| places[topic] = place);
    let mut document_topics = Lists::default();
    for topics in documents.document_topics.iter() {
        document_topics.push(topics.iter().map(|&topic| places[topic as usize]));
    }
    (order.into_iter().map(|topic| documents.topics[topic].clone()).collect(), document_topics)
}
