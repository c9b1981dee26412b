//! The contract of every backend of the archive, as one table of behaviours.

mod broken;
mod filters;
mod fixtures;
mod near_duplicates;
mod pages;
mod place;
mod pruned;
mod ranking;
mod recency;
mod reopened;
mod storing;

use slugline::index::{ArchiveOptions, EmbeddedArchive, MemoryIndex, SimilarityIndex};

/// A behaviour, with its name, shown on an empty archive.
type Behaviour = (&'static str, fn(&dyn SimilarityIndex));

/// The table of functions, each with its name.
macro_rules! behaviours {
    ($($module:ident::$function:ident,)*) => {
        &[$((stringify!($function), $module::$function)),*]
    };
}

const BEHAVIOURS: &[Behaviour] = behaviours![
    storing::an_empty_archive_finds_nothing,
    storing::outcomes_report_each_write_in_order,
    storing::a_write_whose_precondition_fails_changes_nothing,
    storing::an_article_is_read_as_it_was_put,
    storing::a_replaced_article_is_found_only_by_its_new_text,
    storing::a_deleted_article_is_absent,
    storing::articles_are_listed_by_id,
    ranking::the_similarity_is_that_of_the_vectors,
    ranking::similarities_do_not_change_as_the_archive_grows,
    ranking::a_search_by_id_equals_one_by_text_without_the_source,
    ranking::an_article_in_other_words_is_more_similar_than_one_on_something_else,
    ranking::ties_are_ordered_by_id,
    ranking::long_words_of_every_script_are_found,
    ranking::an_unknown_source_is_an_error,
    recency::the_ranking_equals_the_formula_on_every_page,
    recency::filters_and_the_minimum_similarity_hold,
    recency::ages_are_measured_from_the_reference_time,
    recency::ties_are_ordered_by_id,
    filters::articles_that_do_not_pass_a_filter_are_left_out,
    filters::a_topic_filter_requires_an_assigned_or_probable_topic,
    filters::a_filtered_list_is_paginated,
    filters::a_list_is_given_up_at_its_deadline,
    pages::results_below_the_minimum_similarity_are_left_out,
    pages::a_search_is_given_up_at_its_deadline,
    pages::pages_partition_the_results,
    near_duplicates::near_duplicates_are_folded_into_the_first,
    near_duplicates::one_story_under_several_headlines_is_one_result,
    near_duplicates::the_text_of_a_paywall_does_not_make_near_duplicates,
    near_duplicates::headlines_decide_if_bodies_are_too_short,
    ranking::the_shares_of_matched_terms_sum_to_one,
    storing::the_topics_of_articles_are_reported,
    storing::concurrent_writes_are_all_stored,
];

#[test]
fn the_memory_backend_keeps_the_contract() {
    for (name, behaviour) in BEHAVIOURS {
        println!("{name}");
        behaviour(&MemoryIndex::default());
    }
}

fn embedded_keeps_the_contract(options: ArchiveOptions) {
    for (name, behaviour) in BEHAVIOURS {
        println!("{name}");
        let directory = tempfile::tempdir().expect("a directory");
        behaviour(&EmbeddedArchive::open(directory.path(), options).expect("an archive"));
    }
}

#[test]
fn the_embedded_backend_keeps_the_contract_in_memory() {
    embedded_keeps_the_contract(ArchiveOptions::default());
}

#[test]
fn the_embedded_backend_keeps_the_contract_while_it_folds() {
    embedded_keeps_the_contract(ArchiveOptions { fold_changes: 2, ..ArchiveOptions::default() });
}
