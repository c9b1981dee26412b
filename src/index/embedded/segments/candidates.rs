//! Candidates from the postings: the articles with the highest partial scores.

use std::cell::RefCell;

use super::place::{Place, Superseded};
use super::postings::{PAGE_ARTICLES, Postings, Span};
use super::set::Segments;
use crate::index::embedded::top_k::TopK;
use crate::index::query_vector::WeightedTerm;
use crate::index::recency::Boost;
use crate::index::vector::weight;
use crate::index::{Deadline, Filter, IndexError};

/// The cost of looking up a term's postings in a page, in postings.
const TERM_COST: usize = 32;
/// Most searches of a large archive consider at most this many terms.
const USUAL_TERMS: usize = 128;
/// How many terms have their postings prefetched together.
const PREFETCHED_TERMS: usize = 8;
/// The products of counts below this are precomputed.
const PRECOMPUTED_COUNTS: usize = 4;

thread_local! {
    /// The sum of each article in a page.
    static SUMS: RefCell<Box<[f32; PAGE_ARTICLES]>> =
        RefCell::new(vec![0.0; PAGE_ARTICLES].try_into().expect("its size"));
}

/// How candidates are selected: the `count` articles with the highest boosted partial scores, among
/// those that pass a filter.
#[derive(Debug, Clone, Copy)]
pub(in crate::index::embedded) struct Selection<'a> {
    pub(in crate::index::embedded) filter: &'a Filter,
    pub(in crate::index::embedded) boost: Boost,
    pub(in crate::index::embedded) count: usize,
    pub(in crate::index::embedded) deadline: Deadline,
}

/// The terms of a source that are considered, and their postings.
#[derive(Debug)]
pub(in crate::index::embedded) struct Plan<'a> {
    /// The terms that are considered.
    pub(in crate::index::embedded) terms: &'a [WeightedTerm],
    /// By segment and page: the postings of those terms that occur in it.
    spans: Vec<Vec<(&'a WeightedTerm, Span)>>,
}

impl Segments {
    /// Plans to read the first of these terms, up to about `postings` postings in total.
    pub(in crate::index::embedded) fn plan<'a>(
        &self,
        terms: &'a [WeightedTerm],
        postings: usize,
    ) -> Plan<'a> {
        let pages: Vec<(&Postings, usize)> = self
            .views
            .iter()
            .flat_map(|view| {
                (0..view.derived.postings.page_count()).map(|page| (&view.derived.postings, page))
            })
            .collect();
        let mut spans: Vec<Vec<_>> =
            pages.iter().map(|_| Vec::with_capacity(terms.len().min(USUAL_TERMS))).collect();
        let (mut cost, mut count) = (0, 0);
        for term in terms {
            if cost >= postings {
                break;
            }
            for ((postings, page), spans) in pages.iter().zip(&mut spans) {
                if let Some(span) = postings.find(*page, term.key) {
                    spans.push((term, span));
                    cost += span.count + TERM_COST;
                }
            }
            count += 1;
        }
        Plan { terms: &terms[..count], spans }
    }

    /// The articles selected by the plan's terms, of those that are not superseded.
    pub(in crate::index::embedded) fn candidates(
        &self,
        plan: &Plan<'_>,
        selection: Selection<'_>,
        superseded: &Superseded,
    ) -> Result<Vec<(f32, Place)>, IndexError> {
        let Selection { filter, boost, count, deadline } = selection;
        let mut best = TopK::new(count, boost.max_factor() as f32);
        let mut spans = plan.spans.iter();
        SUMS.with_borrow_mut(|sums| {
            for (segment, view) in (0..).zip(&self.views) {
                let allowed =
                    if filter.is_empty() { None } else { Some(view.allowed(filter, deadline)?) };
                let is_allowed = |document: u32| {
                    allowed.as_ref().is_none_or(|allowed| allowed[document as usize])
                        && (superseded.is_empty()
                            || !superseded.contains(&Place { segment, document }))
                };
                let pages = view.inverse_lengths.chunks(PAGE_ARTICLES);
                for ((first, inverse_lengths), spans) in
                    (0..).step_by(PAGE_ARTICLES).zip(pages).zip(&mut spans)
                {
                    deadline.check()?;
                    sums[..inverse_lengths.len()].fill(0.0);
                    add_up(&view.derived.postings, spans, sums);
                    best.push_all(&sums[..inverse_lengths.len()], inverse_lengths, |number| {
                        let document = first + number;
                        is_allowed(document).then(|| {
                            let factor = boost.factor(|| view.publish_time(document)) as f32;
                            (factor, Place { segment, document })
                        })
                    });
                }
            }
            Ok(())
        })?;
        Ok(best.into_vec())
    }
}

/// Adds the products of weights to the sums of the articles.
///
/// This is a function of its own so that its few variables stay in registers: it takes a quarter of
/// a search.
#[inline(never)]
fn add_up(postings: &Postings, spans: &[(&WeightedTerm, Span)], sums: &mut [f32; PAGE_ARTICLES]) {
    let mut products = [0.0_f32; 256];
    for spans in spans.chunks(PREFETCHED_TERMS) {
        spans.iter().for_each(|(_, span)| postings.fetch(*span));
        add_up_fetched(postings, spans, sums, &mut products);
    }
}

#[inline(always)]
fn add_up_fetched(
    postings: &Postings,
    spans: &[(&WeightedTerm, Span)],
    sums: &mut [f32; PAGE_ARTICLES],
    products: &mut [f32; 256],
) {
    for (term, span) in spans {
        let product = |count: usize| (term.weight * weight(count as u8, term.idf)) as f32;
        // Most counts are small: their products are computed once per term.
        products[..PRECOMPUTED_COUNTS]
            .iter_mut()
            .enumerate()
            .for_each(|(count, place)| *place = product(count));
        let mut computed = PRECOMPUTED_COUNTS;
        for (number, count) in postings.read(*span) {
            if usize::from(count) >= computed {
                (computed..=usize::from(count)).for_each(|count| products[count] = product(count));
                computed = usize::from(count) + 1;
            }
            sums[usize::from(number)] += products[usize::from(count)];
        }
    }
}
