//! Filters of searches and lists.

use std::collections::BTreeSet;
use std::time::Instant;

use slugline::index::{
    ArticleId, Deadline, Filter, IndexError, ListQuery, PublishTime, Reliance, SimilarQuery,
    SimilarityIndex, Write,
};

use super::fixtures::{article, find, first, id, ids, put, text, topic, write};

/// Articles that differ in every field a filter examines.
fn put_tagged(index: &dyn SimilarityIndex) {
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
}

pub(super) fn articles_that_do_not_pass_a_filter_are_left_out(index: &dyn SimilarityIndex) {
    put_tagged(index);
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

fn put_topics(index: &dyn SimilarityIndex) {
    let about = |name: &str, topics: &[(&str, f64, bool)]| {
        let mut article = article(name, "Volcano erupts", "");
        article.topics = topics
            .iter()
            .map(|(name, probability, assigned)| topic(name, *probability, *assigned))
            .collect();
        article
    };
    let mut unknown = about("e", &[("world", 0.996, true)]);
    unknown.reliance = Reliance::UnknownText;
    let articles = [
        about("a", &[("world", 0.75, true), ("business", 0.0625, false)]),
        about("b", &[("business", 0.5, true), ("world", 0.25, false)]),
        about(
            "c",
            &[("sport/football", 0.5, true), ("world", 0.4, true), ("sport/ski", 0.0625, false)],
        ),
        about("d", &[("sports", 0.9, false)]),
        unknown,
    ];
    write(index, articles.into_iter().map(put).collect());
}

fn of_topics(topics: &[&str], min_topic_probability: f64) -> Filter {
    let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
    Filter { topics, min_topic_probability, ..Filter::default() }
}

pub(super) fn a_topic_filter_requires_an_assigned_or_probable_topic(index: &dyn SimilarityIndex) {
    put_topics(index);
    let cases = [
        (of_topics(&["business"], 0.0), "b"),
        (of_topics(&["world"], 0.0), "ac"),
        (of_topics(&["business", "world"], 0.0), "abc"),
        // A topic includes those below it, but not those that merely begin with the same letters.
        (of_topics(&["sport"], 0.0), "c"),
        (of_topics(&["sport/football"], 0.0), "c"),
        (of_topics(&["sport/ski"], 0.0), ""),
        (of_topics(&["sports"], 0.0), ""),
        (of_topics(&["business"], 0.0625), "ab"),
        (of_topics(&["business"], 0.062_500_000_000_000_01), "b"),
        (of_topics(&["business"], 1e-9), "ab"),
        (of_topics(&["world"], 0.4), "ac"),
        (of_topics(&["world", "business"], 0.5), "ab"),
        (of_topics(&["sport"], 0.5), "c"),
        (of_topics(&["sport/ski"], 0.05), "c"),
        (of_topics(&["sports"], 0.9), "d"),
        (of_topics(&["world"], 1.0), ""),
    ];
    for (filter, expected) in cases {
        let query = SimilarQuery { filter, ..SimilarQuery::new(text("volcano erupts", "")) };
        assert_eq!(ids(&find(index, &query)).concat(), expected, "{:?}", query.filter);
        let list = ListQuery { filter: query.filter, ..ListQuery::default() };
        assert_eq!(
            listed(index, &list),
            expected.chars().map(String::from).collect::<Vec<_>>(),
            "{:?}",
            list.filter
        );
    }
    let known =
        ["sport", "sport/ski", "sports", "spo", "sport/"].map(|topic| index.has_topic(topic));
    assert_eq!(known, [Ok(true), Ok(true), Ok(true), Ok(false), Ok(false)]);
}

/// The ids on all pages.
fn listed(index: &dyn SimilarityIndex, query: &ListQuery) -> Vec<String> {
    let (mut query, mut seen) = (query.clone(), Vec::new());
    loop {
        let page = index.list(&query).expect("readable");
        assert!(page.articles.len() <= query.count);
        assert!(
            !page.is_more || page.articles.len() == query.count,
            "a page before the last one is full"
        );
        seen.extend(page.articles.into_iter().map(|article| String::from(article.id)));
        if !page.is_more {
            return seen;
        }
        query.after = page.last;
    }
}

pub(super) fn a_filtered_list_is_paginated(index: &dyn SimilarityIndex) {
    let sport = || of_topics(&["sport"], 0.0);
    let name = |number: usize| format!("{number:02}");
    let articles = (0..40).map(|number| {
        let mut article = article(&name(number), "some title", "");
        article.topics = vec![topic(if number % 3 == 0 { "sport" } else { "world" }, 0.9, true)];
        article
    });
    write(index, articles.map(put).collect());
    // Some are replaced, and some deleted.
    write(index, vec![Write::delete(id("03")), put(article("06", "some title", ""))]);
    let expected: Vec<String> =
        (0..40).step_by(3).filter(|number| ![3, 6].contains(number)).map(name).collect();
    for count in [1, 4, 12, 13, usize::MAX] {
        assert_eq!(
            listed(index, &ListQuery { filter: sport(), ..first(count) }),
            expected,
            "{count} on a page"
        );
    }
    let after: Option<ArticleId> = Some(id("20"));
    assert_eq!(listed(index, &ListQuery { filter: sport(), after, ..first(2) }), expected[5..]);
    assert_eq!(
        listed(index, &ListQuery { filter: of_topics(&["nothing"], 0.0), ..first(5) }),
        [""; 0]
    );
}

pub(super) fn a_list_is_given_up_at_its_deadline(index: &dyn SimilarityIndex) {
    put_topics(index);
    let deadline = Deadline(Some(Instant::now()));
    for filter in [Filter::default(), of_topics(&["sport"], 0.0), of_topics(&["sport"], 0.5)] {
        assert_eq!(index.list(&ListQuery { filter, deadline, ..first(5) }), Err(IndexError::Late));
    }
}
