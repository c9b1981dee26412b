//! Near-duplicates are folded.

use slugline::index::{SimilarQuery, SimilarityIndex};

use super::fixtures::{article, find, id, ids, put, text, write};

/// A wire story, and the headlines that outlets give it.
const WIRE: &str = "A ferry with 212 passengers on board ran aground near the harbour entrance \
    early on Tuesday after its steering failed in thick fog. Coast guard boats took everyone \
    ashore within two hours and nobody was badly hurt, a spokesman said.";
const HEADLINES: [&str; 4] = [
    "Ferry runs aground off the harbour in fog",
    "Hundreds rescued from stranded ship",
    "Passengers safe after steering failure",
    "Mayor opens the new library",
];
const PAYWALL: &str = "To continue reading this article, subscribe now or log in to your account. \
    Already a subscriber? Sign in here. Subscribers get unlimited digital access to all stories, \
    videos, podcasts and our archive, and support quality journalism. Cancel at any time. Your \
    first month is free, then 9.99 a month until you cancel your subscription.";

fn collapsed(title: &str, body: &str) -> SimilarQuery {
    SimilarQuery { collapse_near_duplicates: true, ..SimilarQuery::new(text(title, body)) }
}

pub(super) fn one_story_under_several_headlines_is_one_result(index: &dyn SimilarityIndex) {
    let outlets = (0..)
        .zip(HEADLINES)
        .map(|(number, title)| put(article(&format!("outlet-{number}"), title, WIRE)));
    write(index, outlets.collect());
    write(
        index,
        vec![
            put(article(
                "shortened",
                "Ferry aground",
                WIRE.split_once(" Coast").expect("two sentences").0,
            )),
            put(article(
                "other",
                "Ferry fares rise",
                "The ferry to the island will cost more from Tuesday, the operator said.",
            )),
        ],
    );
    let found = find(index, &collapsed("ferry steering fog", ""));
    let stories: Vec<_> = found.iter().filter(|hit| hit.article.id.as_str() != "other").collect();
    assert_eq!((stories.len(), stories[0].near_duplicates.len()), (1, 4), "{found:?}");
    // The query decides which one leads, but not which ones are folded.
    let by_id = SimilarQuery {
        collapse_near_duplicates: true,
        ..SimilarQuery::new(slugline::index::SimilarSource::Id(id("outlet-3")))
    };
    let found = find(index, &by_id);
    assert_eq!((found.len(), found[0].near_duplicates.len()), (2, 3), "{found:?}");
}

pub(super) fn the_text_of_a_paywall_does_not_make_near_duplicates(index: &dyn SimilarityIndex) {
    let stubs = [
        (
            "ferry",
            "Ferry runs aground in fog",
            "A ferry with 212 passengers ran aground near the harbour entrance on Tuesday.",
        ),
        (
            "merger",
            "Bank merger fails",
            "Shareholders of the bank voted against the merger by a narrow margin on Friday.",
        ),
        (
            "final",
            "Rovers reach the final",
            "Rovers beat the champions on penalties and will play the cup final in May.",
        ),
        (
            "volcano",
            "Volcano erupts",
            "Lava and ash closed the airport of the island, and thousands left their homes.",
        ),
    ];
    write(
        index,
        stubs
            .map(|(name, title, start)| put(article(name, title, &format!("{start} {PAYWALL}"))))
            .to_vec(),
    );
    // The same story behind the same paywall.
    let copy = format!("{} {PAYWALL}", stubs[0].2);
    write(index, vec![put(article("ferry-2", "Ship stranded near the port", &copy))]);
    let found = find(index, &collapsed("", PAYWALL));
    assert_eq!(ids(&found).len(), 4, "{found:?}");
    assert_eq!(found.iter().map(|hit| hit.near_duplicates.len()).sum::<usize>(), 1);
}

pub(super) fn headlines_decide_if_bodies_are_too_short(index: &dyn SimilarityIndex) {
    let headline = "Volcano erupts on the island of Kell";
    write(
        index,
        vec![
            put(article("a", headline, "")),
            put(article("b", headline, "More soon.")),
            put(article("c", "Volcano is quiet", "More soon.")),
            put(article("d", headline, "")),
        ],
    );
    let found = find(index, &collapsed(headline, ""));
    assert_eq!(ids(&found), ["a", "c"]);
    assert_eq!(found[0].near_duplicates, [id("d"), id("b")]);
}

pub(super) fn near_duplicates_are_folded_into_the_first(index: &dyn SimilarityIndex) {
    let wire = "Lava and ash of the volcano closed the airport of the island on Monday, and \
        thousands of people left their homes.";
    write(
        index,
        vec![
            put(article("wire-1", "", wire)),
            put(article("wire-2", "", &format!("{wire} Reuters."))),
            put(article("wire-3", "", wire)),
            put(article("other", "", "The volcano was quiet on Sunday.")),
        ],
    );
    let query =
        SimilarQuery { collapse_near_duplicates: true, ..SimilarQuery::new(text("", wire)) };
    let found = find(index, &query);
    assert_eq!(ids(&found), ["wire-1", "other"]);
    assert_eq!(found[0].near_duplicates, [id("wire-3"), id("wire-2")]);
    assert_eq!(found[1].near_duplicates, []);
    let apart = find(index, &SimilarQuery { collapse_near_duplicates: false, ..query });
    assert_eq!(ids(&apart), ["wire-1", "wire-3", "wire-2", "other"]);
    assert!(apart.iter().all(|hit| hit.near_duplicates.is_empty()));
}
