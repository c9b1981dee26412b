//! A corpus as training looks at it: its topics, its terms, and the matrix of its counts.

use std::io;

use rayon::prelude::*;

use super::documents::{Documents, Topic};
use super::lists::Lists;
use super::matrix::{Postings, Rows};
use super::terms::{LeastFrequencies, TopicSizes, Vocabulary};

/// A corpus that was read.
#[derive(Debug)]
pub(crate) struct Collection<'a> {
    pub(crate) documents: &'a Documents,
    /// In the order of their names.
    pub(crate) topics: Vec<Topic>,
    /// By document: places in `topics`, in the order of the record.
    pub(crate) document_topics: Lists<u32>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) rows: Rows,
    pub(crate) postings: Postings,
}

impl<'a> Collection<'a> {
    /// Counts the terms that occur in enough documents.
    pub(crate) fn of(documents: &'a Documents, least: LeastFrequencies) -> io::Result<Self> {
        let (topics, document_topics) = by_name(documents);
        let vocabulary = Vocabulary::of(documents, least)?;
        let rows = Rows::of(documents, &vocabulary)?;
        let postings = Postings::of(&rows, &vocabulary, topics.len())?;
        Ok(Self { documents, topics, document_topics, vocabulary, rows, postings })
    }

    pub(crate) fn document_count(&self) -> usize {
        self.documents.len()
    }

    /// How many documents each topic has.
    pub(crate) fn topic_sizes(&self) -> Vec<u64> {
        self.topics.iter().map(|topic| topic.document_count).collect()
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

/// The topics in the order of their names, and those of each document.
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
