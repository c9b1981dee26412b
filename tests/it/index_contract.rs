//! What every backend of the archive does, as one table, which also detects a backend that does
//! otherwise.

mod broken;
mod filters;
mod fixtures;
mod near_duplicates;
mod pages;
mod place;
mod ranking;
mod reopened;
mod storing;

use slugline::index::{ArchiveOptions, EmbeddedArchive, MemoryIndex, SimilarityIndex};

/// What a backend does, shown by what it does to an empty archive.
type Behaviour = (&'static str, fn(&dyn SimilarityIndex));

const BEHAVIOURS: &[Behaviour] = &[
    ("an empty archive finds nothing", storing::an_empty_archive_finds_nothing),
    ("outcomes say what a write did, in order", storing::outcomes_say_what_a_write_did),
    (
        "a write whose condition does not hold changes nothing",
        storing::a_write_whose_condition_does_not_hold_changes_nothing,
    ),
    ("an article comes back as it was put", storing::an_article_comes_back_as_it_was_put),
    (
        "a replaced article is found by its new text only",
        storing::a_replaced_article_is_found_by_its_new_text_only,
    ),
    ("a deleted article is gone", storing::a_deleted_article_is_gone),
    ("articles are listed in the order of their ids", storing::articles_are_listed_in_order),
    ("the similarity is that of the vectors", ranking::the_similarity_is_that_of_the_vectors),
    (
        "similarities stay while the archive grows",
        ranking::similarities_stay_while_the_archive_grows,
    ),
    ("by id equals by text, less the article itself", ranking::by_id_equals_by_text),
    ("ties are in the order of their ids", ranking::ties_are_in_the_order_of_their_ids),
    ("long words of every script are found", ranking::long_words_of_every_script_are_found),
    ("an unknown source is an error", ranking::an_unknown_source_is_an_error),
    ("a filter leaves out what does not pass", filters::a_filter_leaves_out_what_does_not_pass),
    (
        "a filter's topic is an assigned one, or has a probability",
        filters::a_topic_is_assigned_or_probable,
    ),
    ("a list is filtered, in pages", filters::a_list_is_filtered_in_pages),
    ("a list is given up at its deadline", filters::a_list_is_given_up_at_its_deadline),
    (
        "a least similarity leaves out what is below it",
        pages::a_least_similarity_leaves_out_what_is_below,
    ),
    ("a search is given up at its deadline", pages::a_search_is_given_up_at_its_deadline),
    ("pages part the results", pages::pages_part_the_results),
    ("near-duplicates are folded into the first", near_duplicates::near_duplicates_are_folded),
    (
        "one story under other headlines is one result",
        near_duplicates::one_story_under_other_headlines_is_one_result,
    ),
    (
        "the text of a paywall makes no near-duplicates",
        near_duplicates::the_text_of_a_paywall_makes_no_near_duplicates,
    ),
    (
        "headlines decide where bodies say nothing",
        near_duplicates::headlines_decide_where_bodies_say_nothing,
    ),
    ("shares of matched terms sum to one", ranking::shares_sum_to_one),
    ("topics of articles are known", storing::topics_of_articles_are_known),
    ("many writes at once are all there", storing::many_writes_at_once_are_all_there),
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
