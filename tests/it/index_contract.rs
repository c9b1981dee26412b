//! What every backend of the archive does, as one table; and that a backend which does otherwise is
//! found out.

mod broken;
mod filters;
mod near_duplicates;
mod place;
mod reopened;

use std::collections::BTreeSet;
use std::sync::mpsc;

use slugline::article::ArticleText;
use slugline::index::{
    Analyzer, ArchiveOptions, ArchivedArticle, ArticleId, ArticlePage, Deadline, EmbeddedArchive,
    Filter, IndexError, ListQuery, MemoryIndex, Precondition, PublishTime, SimilarHit, SimilarPage,
    SimilarQuery, SimilarSource, SimilarityIndex, StoredTopic, Write, WriteOutcome,
};

/// What a backend does, shown by what it does to an empty archive.
type Behaviour = (&'static str, fn(&dyn SimilarityIndex));

const BEHAVIOURS: &[Behaviour] = &[
    ("an empty archive finds nothing", an_empty_archive_finds_nothing),
    ("outcomes say what a write did, in order", outcomes_say_what_a_write_did),
    (
        "a write whose condition does not hold changes nothing",
        a_write_whose_condition_does_not_hold_changes_nothing,
    ),
    ("an article comes back as it was put", an_article_comes_back_as_it_was_put),
    (
        "a replaced article is found by its new text only",
        a_replaced_article_is_found_by_its_new_text_only,
    ),
    ("a deleted article is gone", a_deleted_article_is_gone),
    ("articles are listed in the order of their ids", articles_are_listed_in_order),
    ("the similarity is that of the vectors", the_similarity_is_that_of_the_vectors),
    ("similarities stay while the archive grows", similarities_stay_while_the_archive_grows),
    ("by id equals by text, less the article itself", by_id_equals_by_text),
    ("ties are in the order of their ids", ties_are_in_the_order_of_their_ids),
    ("long words of every script are found", long_words_of_every_script_are_found),
    ("an unknown source is an error", an_unknown_source_is_an_error),
    ("a filter leaves out what does not pass", a_filter_leaves_out_what_does_not_pass),
    (
        "a filter's topic is an assigned one, or has a probability",
        filters::a_topic_is_assigned_or_probable,
    ),
    ("a list is filtered, in pages", filters::a_list_is_filtered_in_pages),
    ("a list is given up at its deadline", filters::a_list_is_given_up_at_its_deadline),
    ("a least similarity leaves out what is below it", a_least_similarity_leaves_out_what_is_below),
    ("a search is given up at its deadline", a_search_is_given_up_at_its_deadline),
    ("pages part the results", pages_part_the_results),
    ("near-duplicates are folded into the first", near_duplicates_are_folded),
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
    ("shares of matched terms sum to one", shares_sum_to_one),
    ("topics of articles are known", topics_of_articles_are_known),
    ("many writes at once are all there", many_writes_at_once_are_all_there),
];

fn id(id: &str) -> ArticleId {
    id.parse().expect("an id")
}

fn article(name: &str, title: &str, body: &str) -> ArchivedArticle {
    ArchivedArticle::new(id(name), ArticleText { title, body })
}

fn topic(name: &str, probability: f64, is_assigned: bool) -> StoredTopic {
    StoredTopic { name: name.to_owned(), probability, is_assigned }
}

/// The first articles, so many.
fn first(count: usize) -> ListQuery {
    ListQuery { count, ..ListQuery::default() }
}

fn put(article: ArchivedArticle) -> Write {
    Write::put(article)
}

fn write(index: &dyn SimilarityIndex, batch: Vec<Write>) -> Vec<WriteOutcome> {
    let (sender, outcomes) = mpsc::channel();
    let done = Box::new(move |outcome| sender.send(outcome).expect("the test waits"));
    index.write(batch, done).expect("little is waiting");
    outcomes.recv().expect("an answer").expect("the writes are stored")
}

fn text(title: &str, body: &str) -> SimilarSource {
    SimilarSource::Text { title: title.to_owned(), body: body.to_owned() }
}

fn find(index: &dyn SimilarityIndex, query: &SimilarQuery) -> Vec<SimilarHit> {
    index.find_similar(query).expect("a page").hits
}

fn ids(hits: &[SimilarHit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.article.id.as_str()).collect()
}

fn scores(hits: &[SimilarHit]) -> Vec<(&str, f64)> {
    hits.iter().map(|hit| (hit.article.id.as_str(), hit.similarity)).collect()
}

/// Articles on two stories, with something in common.
fn stories() -> Vec<ArchivedArticle> {
    [
        (
            "volcano-1",
            "Volcano erupts on the island",
            "Lava and ash closed the airport of the island.",
        ),
        (
            "volcano-2",
            "Ash of the volcano closes an airport",
            "The eruption of the volcano went on.",
        ),
        ("volcano-3", "Islanders flee the lava", "The volcano has been erupting since Monday."),
        ("merger-1", "Bank merger fails", "Shareholders of the bank voted against the merger."),
        ("merger-2", "Shares of the bank fall", "The merger of the two banks was called off."),
    ]
    .map(|(name, title, body)| article(name, title, body))
    .to_vec()
}

fn put_stories(index: &dyn SimilarityIndex) {
    write(index, stories().into_iter().map(put).collect());
}

/// Text that is its own: words that no other number shares but the one of `common`.
fn numbered(number: usize, common: &str) -> String {
    (0..8).map(|word| format!("zq{number}x{word} ")).collect::<String>() + common
}

fn an_empty_archive_finds_nothing(index: &dyn SimilarityIndex) {
    assert_eq!(index.get(&id("a")).expect("readable"), None);
    assert_eq!(index.list(&first(10)), Ok(ArticlePage::default()));
    assert_eq!(
        index.find_similar(&SimilarQuery::new(text("volcano", ""))),
        Ok(SimilarPage::default())
    );
    assert_eq!(index.status().article_count, 0);
    assert_eq!(write(index, vec![Write::delete(id("a"))]), [WriteOutcome::Absent]);
}

fn outcomes_say_what_a_write_did(index: &dyn SimilarityIndex) {
    let a = || put(article("a", "one", ""));
    assert_eq!(
        write(
            index,
            vec![
                a(),
                a(),
                Write::delete(id("a")),
                Write::delete(id("a")),
                a(),
                Write::delete(id("b"))
            ]
        ),
        [
            WriteOutcome::Created,
            WriteOutcome::Replaced,
            WriteOutcome::Deleted,
            WriteOutcome::Absent,
            WriteOutcome::Created,
            WriteOutcome::Absent
        ]
    );
    assert_eq!(write(index, vec![a()]), [WriteOutcome::Replaced]);
    assert_eq!(write(index, vec![]), []);
    assert_eq!(index.status().article_count, 1);
}

fn a_write_whose_condition_does_not_hold_changes_nothing(index: &dyn SimilarityIndex) {
    let (one, other) = (article("a", "one", ""), article("a", "other", ""));
    let put_if =
        |article: &ArchivedArticle, condition| Write::put(article.clone()).only_if(condition);
    let delete_if = |condition| Write::delete(id("a")).only_if(condition);
    let as_of = |article: &ArchivedArticle| Precondition::Unchanged(article.etag());
    // Nothing is there.
    let refused =
        [put_if(&other, as_of(&one)), delete_if(as_of(&one)), delete_if(Precondition::Absent)];
    assert_eq!(
        write(index, refused.into()),
        [WriteOutcome::Changed, WriteOutcome::Absent, WriteOutcome::Absent]
    );
    assert_eq!(index.get(&id("a")), Ok(None));
    // In one batch each sees what those before it did, and what did nothing counts for nothing.
    let batch = vec![
        put_if(&one, Precondition::Absent),
        put_if(&other, Precondition::Absent),
        put_if(&other, as_of(&other)),
        put_if(&other, as_of(&one)),
        put_if(&one, as_of(&one)),
        delete_if(as_of(&one)),
    ];
    use WriteOutcome::{Changed, Created, Exists, Replaced};
    assert_eq!(write(index, batch), [Created, Exists, Changed, Replaced, Changed, Changed]);
    assert_eq!(index.get(&id("a")), Ok(Some(other.clone())));
    // The same for what was there before the batch.
    let refused =
        vec![put_if(&one, Precondition::Absent), put_if(&one, as_of(&one)), delete_if(as_of(&one))];
    assert_eq!(write(index, refused), [Exists, Changed, Changed]);
    assert_eq!(index.status().article_count, 1);
    assert_eq!(write(index, vec![put_if(&one, as_of(&other))]), [Replaced]);
    assert_eq!(write(index, vec![delete_if(as_of(&one))]), [WriteOutcome::Deleted]);
    assert_eq!(index.get(&id("a")), Ok(None));
    assert_eq!(index.status().article_count, 0);
}

fn an_article_comes_back_as_it_was_put(index: &dyn SimilarityIndex) {
    let mut whole = article("a/ü 1", "Title\twith a tab", "Body\nin\nlines 日本 👍🏽 \u{0}");
    whole.publish_time = Some(PublishTime(-1));
    whole.source = "Reuters".to_owned();
    whole.language_code = "pt-BR".to_owned();
    whole.labels =
        [("desk".to_owned(), "world".to_owned()), ("empty".to_owned(), String::new())].into();
    whole.topics = vec![topic("world", 0.1 + 0.2, true)];
    whole.model = "news/1".to_owned();
    write(index, vec![put(whole.clone())]);
    assert_eq!(index.get(&whole.id), Ok(Some(whole.clone())));
    assert_eq!(index.list(&first(1)).expect("readable").articles, [whole.clone()]);
    assert_eq!(find(index, &SimilarQuery::new(text("title", "")))[0].article, whole);
}

fn a_replaced_article_is_found_by_its_new_text_only(index: &dyn SimilarityIndex) {
    put_stories(index);
    assert_eq!(
        write(index, vec![put(article("volcano-1", "Bank merger fails", ""))]),
        [WriteOutcome::Replaced]
    );
    let found = find(index, &SimilarQuery::new(text("lava on the island", "")));
    assert!(
        !ids(&found).contains(&"volcano-1")
            || found.iter().all(|hit| hit.article.title != "Volcano erupts on the island")
    );
    assert_eq!(
        ids(&find(index, &SimilarQuery::new(text("Bank merger fails", ""))))[0],
        "volcano-1"
    );
    assert_eq!(
        index.get(&id("volcano-1")).expect("readable").map(|article| article.body),
        Some(String::new())
    );
    assert_eq!(index.status().article_count, 5);
}

fn a_deleted_article_is_gone(index: &dyn SimilarityIndex) {
    put_stories(index);
    assert_eq!(write(index, vec![Write::delete(id("volcano-2"))]), [WriteOutcome::Deleted]);
    assert_eq!(index.get(&id("volcano-2")), Ok(None));
    assert!(
        !ids(&find(index, &SimilarQuery::new(text("ash of the volcano", ""))))
            .contains(&"volcano-2")
    );
    let listed = index.list(&first(10)).expect("readable");
    assert_eq!(
        listed.articles.iter().map(|article| article.id.as_str()).collect::<Vec<_>>(),
        ["merger-1", "merger-2", "volcano-1", "volcano-3"]
    );
    assert_eq!(index.status().article_count, 4);
}

fn articles_are_listed_in_order(index: &dyn SimilarityIndex) {
    // By bytes: capitals before small letters, "10" before "9", other scripts last.
    let names = ["9", "10", "a", "B", "é", "a/1", "a-1"];
    write(index, names.map(|name| put(article(name, "some title", ""))).to_vec());
    let mut seen: Vec<String> = Vec::new();
    let mut after = None;
    for _ in 0..=names.len() {
        let page = index.list(&ListQuery { after, ..first(2) }).expect("readable");
        assert_eq!(page.last.as_ref(), page.articles.last().map(|article| &article.id));
        seen.extend(page.articles.into_iter().map(|article| article.id.into()));
        assert_eq!(page.is_more, seen.len() < names.len());
        if !page.is_more {
            break;
        }
        after = page.last;
    }
    assert_eq!(seen, ["10", "9", "B", "a", "a-1", "a/1", "é"]);
    // "some title" has ten bytes: the second one takes the page to its size.
    let page = index.list(&ListQuery { bytes: 11, ..first(10) }).expect("readable");
    assert_eq!((page.articles.len(), page.is_more), (2, true));
    assert_eq!(
        index.list(&ListQuery { after: Some(id("é")), ..first(10) }),
        Ok(ArticlePage::default())
    );
}

fn the_similarity_is_that_of_the_vectors(index: &dyn SimilarityIndex) {
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

fn similarities_stay_while_the_archive_grows(index: &dyn SimilarityIndex) {
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

fn by_id_equals_by_text(index: &dyn SimilarityIndex) {
    put_stories(index);
    let source = stories().swap_remove(0);
    let by_id = find(index, &SimilarQuery::new(SimilarSource::Id(source.id.clone())));
    let mut by_text = find(index, &SimilarQuery::new(text(&source.title, &source.body)));
    assert_eq!((ids(&by_text)[0], by_text[0].similarity), ("volcano-1", 1.0));
    by_text.remove(0);
    assert_eq!(by_id, by_text);
    assert!(!by_id.is_empty());
}

fn ties_are_in_the_order_of_their_ids(index: &dyn SimilarityIndex) {
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

fn long_words_of_every_script_are_found(index: &dyn SimilarityIndex) {
    // Tamil, Telugu, Georgian and German words of 65 to 93 bytes, and the longest English one of a
    // dictionary, twice.
    let words = [
        "செய்துகொண்டிருக்கிறார்கள்",
        "ప్రారంభించబోతున్నట్లుగా",
        "გადმოგვეკონტრრევოლუციონერებინათ",
        "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
        "pneumonoultramicroscopicsilicovolcanoconiosispneumonoultramicroscopicsilicovolcanoconiosis",
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

fn an_unknown_source_is_an_error(index: &dyn SimilarityIndex) {
    put_stories(index);
    let unknown = id("no such article");
    let error = index
        .find_similar(&SimilarQuery::new(SimilarSource::Id(unknown.clone())))
        .expect_err("no source");
    assert_eq!(error, IndexError::UnknownSource { id: unknown });
}

fn a_filter_leaves_out_what_does_not_pass(index: &dyn SimilarityIndex) {
    let tagged =
        |name: &str, about: &str, source: &str, language: &str, time: Option<i64>, desk: &str| {
            let mut article = article(name, "Volcano erupts", "");
            article.topics = vec![topic(about, 0.9, true)];
            article.source = source.to_owned();
            article.language_code = language.to_owned();
            article.publish_time = time.map(PublishTime);
            article.labels =
                [("desk".to_owned(), desk.to_owned()), ("kind".to_owned(), "news".to_owned())]
                    .into();
            put(article)
        };
    write(
        index,
        vec![
            tagged("a", "world", "AP", "en-GB", Some(100), "world"),
            tagged("b", "science", "Reuters", "en", Some(200), "science"),
            tagged("c", "world", "Reuters", "de", None, "world"),
            tagged("d", "sport", "ap", "en-US", Some(-5), "sport"),
        ],
    );
    let set =
        |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let label = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let none = Filter::default;
    let cases = [
        (none(), "abcd"),
        (Filter { topics: set(&["world"]), ..none() }, "ac"),
        (Filter { topics: set(&["world", "sport"]), ..none() }, "acd"),
        (Filter { sources: set(&["AP"]), ..none() }, "a"),
        (Filter { language_codes: set(&["en"]), ..none() }, "abd"),
        (Filter { language_codes: set(&["EN-gb", "de"]), ..none() }, "ac"),
        (Filter { labels: label("desk", "world"), ..none() }, "ac"),
        (Filter { labels: label("desk", "news"), ..none() }, ""),
        (Filter { published_from: Some(PublishTime(100)), ..none() }, "ab"),
        (Filter { published_until: Some(PublishTime(100)), ..none() }, "d"),
        (
            Filter {
                published_from: Some(PublishTime(-5)),
                published_until: Some(PublishTime(200)),
                ..none()
            },
            "ad",
        ),
        (Filter { topics: set(&["world"]), sources: set(&["Reuters"]), ..none() }, "c"),
        (Filter { topics: set(&["worl"]), ..none() }, ""),
    ];
    for (filter, expected) in cases {
        let query = SimilarQuery { filter, ..SimilarQuery::new(text("volcano erupts", "")) };
        assert_eq!(ids(&find(index, &query)).concat(), expected, "{:?}", query.filter);
    }
}

fn a_least_similarity_leaves_out_what_is_below(index: &dyn SimilarityIndex) {
    put_stories(index);
    let query = SimilarQuery::new(SimilarSource::Id(id("volcano-2")));
    let all = find(index, &query);
    let least = all[1].similarity;
    assert!(all.len() > 2 && all[2].similarity < least);
    // What is exactly as similar stays.
    assert_eq!(find(index, &SimilarQuery { min_similarity: least, ..query }), all[..2]);
}

fn a_search_is_given_up_at_its_deadline(index: &dyn SimilarityIndex) {
    put_stories(index);
    let passed = Deadline(Some(std::time::Instant::now()));
    let topics = BTreeSet::from(["world".to_owned()]);
    for filter in [Filter::default(), Filter { topics, ..Filter::default() }] {
        let query =
            SimilarQuery { filter, deadline: passed, ..SimilarQuery::new(text("volcano", "")) };
        assert_eq!(index.find_similar(&query), Err(IndexError::Late));
    }
}

fn pages_part_the_results(index: &dyn SimilarityIndex) {
    let articles = (0..35).map(|number| {
        put(article(
            &format!("{number:03}"),
            "",
            &numbered(number, &"volcano ".repeat(1 + number % 4)),
        ))
    });
    write(index, articles.collect());
    for collapse_near_duplicates in [false, true] {
        let query = SimilarQuery {
            collapse_near_duplicates,
            page_size: 100,
            ..SimilarQuery::new(text("volcano", ""))
        };
        let whole = find(index, &query);
        assert_eq!(whole.len(), 35);
        let mut parts = Vec::new();
        let mut page_query = SimilarQuery { page_size: 8, ..query };
        for page in 0..5 {
            let found = index.find_similar(&page_query).expect("a page");
            parts.extend(found.hits);
            assert_eq!(found.next.is_some(), page < 4, "page {page}");
            page_query.after = found.next;
        }
        assert_eq!(parts, whole);
        pages_end_with_the_article_that_fills_them(index, &page_query, &whole);
    }
}

fn pages_end_with_the_article_that_fills_them(
    index: &dyn SimilarityIndex,
    query: &SimilarQuery,
    whole: &[SimilarHit],
) {
    let size =
        |hits: &[SimilarHit]| hits.iter().map(|hit| hit.article.text().size_bytes()).sum::<usize>();
    for page_bytes in [0, 1, 100] {
        let mut query = SimilarQuery { after: None, page_bytes, page_size: 100, ..query.clone() };
        let mut parts = Vec::new();
        loop {
            let found = index.find_similar(&query).expect("a page");
            let (_, before) = found.hits.split_last().expect("a page has a result");
            assert!(before.is_empty() || size(before) < page_bytes, "{} bytes", size(before));
            assert!(
                found.next.is_none() || size(&found.hits) >= page_bytes,
                "{} bytes",
                size(&found.hits)
            );
            parts.extend(found.hits);
            query.after = found.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(parts, whole);
    }
}

fn near_duplicates_are_folded(index: &dyn SimilarityIndex) {
    let wire = "Lava and ash of the volcano closed the airport of the island on Monday, and thousands of people left their homes.";
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

fn shares_sum_to_one(index: &dyn SimilarityIndex) {
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
        assert!((named + hit.other_share - 1.0).abs() < 1e-9);
        assert!(
            hit.matched_terms.is_sorted_by(|a, b| a.share >= b.share)
                && hit.matched_terms.len() <= 10
        );
        assert!(
            hit.matched_terms.iter().all(|matched| matched.share > 0.0 && !matched.term.is_empty())
        );
        // As the source writes it, whatever form the other one has.
        if hit.article.id.as_str() == "volcano-1" {
            assert!(
                hit.matched_terms.iter().any(|matched| matched.term == "volcanoes"),
                "{:?}",
                hit.matched_terms
            );
        }
    }
}

fn topics_of_articles_are_known(index: &dyn SimilarityIndex) {
    let mut with_topic = article("a", "some title", "");
    with_topic.topics = vec![topic("world", 0.9, true)];
    write(index, vec![put(with_topic), put(article("b", "another", ""))]);
    assert_eq!((index.has_topic("world"), index.has_topic("sport")), (Ok(true), Ok(false)));
    write(index, vec![Write::delete(id("a"))]);
    assert_eq!(index.has_topic("world"), Ok(false));
}

fn many_writes_at_once_are_all_there(index: &dyn SimilarityIndex) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in 0..25 {
                    let name = format!("{thread}-{number}");
                    assert_eq!(
                        write(
                            index,
                            vec![put(article(
                                &name,
                                "",
                                &numbered(25 * thread + number, "common")
                            ))]
                        ),
                        [WriteOutcome::Created]
                    );
                    assert!(index.get(&id(&name)).expect("readable").is_some());
                    let own = SimilarQuery::new(text("", &numbered(25 * thread + number, "")));
                    assert_eq!(ids(&find(index, &own)), [name]);
                }
            });
        }
    });
    assert_eq!(index.list(&first(1_000)).expect("readable").articles.len(), 100);
    assert_eq!(index.status().article_count, 100);
}

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
