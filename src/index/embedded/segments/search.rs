//! Candidates from the postings: the articles that share most with the source by some of its terms.

use std::cell::RefCell;

use super::postings::{PAGE_ARTICLES, Postings, Span};
use super::{Hidden, Place, Segments, reading};
use crate::index::IndexError;
use crate::index::embedded::best::Best;
use crate::index::query::Filter;
use crate::index::vector::{QueryTerm, weight};

/// What it costs to look at a term's postings in a page, in postings.
const TERM_COST: usize = 32;

thread_local! {
    /// A sum for each article of a page.
    static SUMS: RefCell<Box<[f32; PAGE_ARTICLES]>> = RefCell::new(vec![0.0; PAGE_ARTICLES].try_into().expect("its size"));
}

/// Which of a source's terms are looked at, and where their postings are.
#[derive(Debug)]
pub(in crate::index::embedded) struct Plan<'a> {
    /// The terms that are looked at.
    pub(in crate::index::embedded) terms: &'a [QueryTerm],
    /// For each page of each segment: the postings of those that it has.
    spans: Vec<Vec<(&'a QueryTerm, Span)>>,
}

impl Segments {
    /// The first of these terms, as many as have about `postings` postings together.
    pub(in crate::index::embedded) fn plan<'a>(&self, terms: &'a [QueryTerm], postings: usize) -> Plan<'a> {
        let pages: Vec<(&Postings, usize)> = self
            .views
            .iter()
            .flat_map(|view| (0..view.derived.postings.page_count()).map(|page| (&view.derived.postings, page)))
            .collect();
        let mut spans: Vec<Vec<_>> = vec![Vec::new(); pages.len()];
        let (mut cost, mut count) = (0, 0);
        for term in terms {
            if cost >= postings {
                break;
            }
            for ((postings, page), spans) in pages.iter().zip(&mut spans) {
                if let Some(span) = postings.find(*page, term.term) {
                    spans.push((term, span));
                    cost += span.count + TERM_COST;
                }
            }
            count += 1;
        }
        Plan { terms: &terms[..count], spans }
    }

    /// The articles whose parts of the cosine by the plan's terms are the largest, at most `count`, of those that pass the filter
    /// and are not hidden; with that part, less the factor that all share.
    pub(in crate::index::embedded) fn candidates(
        &self,
        plan: &Plan<'_>,
        filter: &Filter,
        hidden: &Hidden,
        count: usize,
    ) -> Result<Vec<(f32, Place)>, IndexError> {
        let mut best = Best::new(count);
        let mut spans = plan.spans.iter();
        SUMS.with_borrow_mut(|sums| {
            for (segment, view) in (0..).zip(&self.views) {
                let allowed = if filter.is_empty() { None } else { Some(view.allowed(filter).map_err(reading)?) };
                let is_allowed = |document: u32| {
                    allowed.as_ref().is_none_or(|allowed| allowed[document as usize])
                        && (hidden.is_empty() || !hidden.contains(&Place { segment, document }))
                };
                let pages = view.inverse_lengths.chunks(PAGE_ARTICLES);
                for ((first, inverse_lengths), spans) in (0..).step_by(PAGE_ARTICLES).zip(pages).zip(&mut spans) {
                    sums[..inverse_lengths.len()].fill(0.0);
                    add_up(&view.derived.postings, spans, sums);
                    best.push_all(&sums[..inverse_lengths.len()], inverse_lengths, |number| {
                        let document = first + number;
                        is_allowed(document).then_some(Place { segment, document })
                    });
                }
            }
            Ok(())
        })?;
        Ok(best.into_vec())
    }
}

/// Adds to each article's sum the products of its weights and the query's.
fn add_up(postings: &Postings, spans: &[(&QueryTerm, Span)], sums: &mut [f32; PAGE_ARTICLES]) {
    let mut products = [0.0_f32; 256];
    for (term, span) in spans {
        let mut known = 0;
        for (number, count) in postings.read(*span) {
            // Counts are small: their products are computed once a term.
            while known <= usize::from(count) {
                products[known] = (term.weight * weight(known as u8, term.idf)) as f32;
                known += 1;
            }
            sums[usize::from(number)] += products[usize::from(count)];
        }
    }
}
