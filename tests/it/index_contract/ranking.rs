//! The ranking of similar articles.

use std::collections::BTreeSet;

use slugline::index::{Analyzer, IndexError, SimilarQuery, SimilarSource, SimilarityIndex};

use super::fixtures::{
    article, find, id, ids, numbered, put, put_stories, scores, stories, text, write,
};

pub(super) fn the_similarity_is_that_of_the_vectors(index: &dyn SimilarityIndex) {
    put_stories(index);
    let mut analyzer = Analyzer::default();
    let source = stories().swap_remove(1);
    let mut expected: Vec<(String, f64)> = stories()
        .iter()
        .map(|other| {
            (
                other.id.to_string(),
                analyzer.vector(source.text()).similarity(&analyzer.vector(other.text())),
            )
        })
        .filter(|(id, similarity)| id != "volcano-2" && *similarity > 0.0)
        .collect();
    expected.sort_by(|a, b| b.1.total_cmp(&a.1));
    let found = find(index, &SimilarQuery::new(SimilarSource::Id(id("volcano-2"))));
    assert_eq!(
        scores(&found),
        expected.iter().map(|(id, similarity)| (id.as_str(), *similarity)).collect::<Vec<_>>()
    );
    assert_eq!(
        ids(&found)[..2].iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([&"volcano-1", &"volcano-3"])
    );
}

pub(super) fn similarities_do_not_change_as_the_archive_grows(index: &dyn SimilarityIndex) {
    put_stories(index);
    let query = SimilarQuery::new(SimilarSource::Id(id("merger-1")));
    let before = find(index, &query);
    let more = (0..100)
        .map(|number| put(article(&format!("more-{number}"), "", &numbered(number, "bank"))));
    write(index, more.collect());
    let after = find(index, &SimilarQuery { page_size: 200, ..query });
    for hit in before {
        let same =
            after.iter().find(|other| other.article.id == hit.article.id).expect("still found");
        assert_eq!(same.similarity, hit.similarity);
    }
}

pub(super) fn a_search_by_id_equals_one_by_text_without_the_source(index: &dyn SimilarityIndex) {
    put_stories(index);
    let source = stories().swap_remove(0);
    let by_id = find(index, &SimilarQuery::new(SimilarSource::Id(source.id.clone())));
    let mut by_text = find(index, &SimilarQuery::new(text(&source.title, &source.body)));
    assert_eq!((ids(&by_text)[0], by_text[0].similarity), ("volcano-1", 1.0));
    by_text.remove(0);
    assert_eq!(by_id, by_text);
    assert!(!by_id.is_empty());
}

pub(super) fn ties_are_ordered_by_id(index: &dyn SimilarityIndex) {
    let names = ["c", "a", "e", "b", "d"];
    for name in names {
        write(index, vec![put(article(name, "Volcano erupts", "Lava."))]);
    }
    let query = SimilarQuery::new(text("volcano", ""));
    let found = find(index, &query);
    assert_eq!(ids(&found), ["a", "b", "c", "d", "e"]);
    assert!(found.iter().all(|hit| hit.similarity == found[0].similarity));
    assert_eq!(ids(&find(index, &SimilarQuery { page_size: 2, ..query })), ["a", "b"]);
}

pub(super) fn long_words_of_every_script_are_found(index: &dyn SimilarityIndex) {
    // Tamil, Telugu, Georgian and German words of 65 to 93 bytes, and twice the longest English
    // word in a dictionary.
    let words = [
        "செய்துகொண்டிருக்கிறார்கள்",
        "ప్రారంభించబోతున్నట్లుగా",
        "გადმოგვეკონტრრევოლუციონერებინათ",
        "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
        concat!(
            "pneumonoultramicroscopicsilicovolcanoconiosis",
            "pneumonoultramicroscopicsilicovolcanoconiosis"
        ),
    ];
    write(
        index,
        (0..)
            .zip(words)
            .map(|(number, word)| put(article(&format!("{number}"), word, "")))
            .collect(),
    );
    for (number, word) in (0..).zip(words) {
        let found = find(index, &SimilarQuery::new(text(word, "")));
        assert_eq!(scores(&found), [(format!("{number}").as_str(), 1.0)], "{word}");
    }
}

pub(super) fn an_unknown_source_is_an_error(index: &dyn SimilarityIndex) {
    put_stories(index);
    let unknown = id("no such article");
    let error = index
        .find_similar(&SimilarQuery::new(SimilarSource::Id(unknown.clone())))
        .expect_err("no source");
    assert_eq!(error, IndexError::UnknownSource { id: unknown });
}

pub(super) fn an_article_in_other_words_is_more_similar_than_one_on_something_else(
    index: &dyn SimilarityIndex,
) {
    let articles = [
        ("alike", "The doctor said the patient had influenza."),
        ("other", "The quarterback said the stadium had thunderstorms."),
        ("unknown", "The qzxw said the qzxv had qzxu."),
    ];
    write(index, articles.map(|(name, body)| put(article(name, "", body))).into());
    let found =
        find(index, &SimilarQuery::new(text("", "The physician said the hospital had measles.")));
    let share = |name: &str| {
        let hit = found.iter().find(|hit| hit.article.id.as_str() == name).expect("common words");
        hit.meaning_share
    };
    assert_eq!(ids(&found)[0], "alike");
    assert!(share("alike") > 2.0 * share("other") && share("alike") < 1.0);
    // No common word, no result, however alike the meaning.
    assert!(find(index, &SimilarQuery::new(text("", "physicians treating measles"))).is_empty());
    // Without known words the texts alone decide.
    assert_eq!(find(index, &SimilarQuery::new(text("", "qzxw qzxv")))[0].meaning_share, 0.0);
}

pub(super) fn the_shares_of_matched_terms_sum_to_one(index: &dyn SimilarityIndex) {
    put_stories(index);
    let hits = find(
        index,
        &SimilarQuery::new(text(
            "Volcanoes erupting",
            "The island's airport is closed because of the ash and the lava.",
        )),
    );
    assert!(hits.len() >= 3);
    for hit in hits {
        let named: f64 = hit.matched_terms.iter().map(|matched| matched.share).sum();
        assert!((named + hit.other_share + hit.meaning_share - 1.0).abs() < 1e-9);
        assert!(
            hit.matched_terms.is_sorted_by(|a, b| a.share >= b.share)
                && hit.matched_terms.len() <= 10
        );
        assert!(
            hit.matched_terms.iter().all(|matched| matched.share > 0.0 && !matched.term.is_empty())
        );
        // In the form of the source, regardless of the form in the article.
        if hit.article.id.as_str() == "volcano-1" {
            assert!(
                hit.matched_terms.iter().any(|matched| matched.term == "volcanoes"),
                "{:?}",
                hit.matched_terms
            );
        }
    }
}
