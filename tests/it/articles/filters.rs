//! Filters over the wire.

use super::*;

fn time(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos })
}

fn filtered(filter: pb::SimilarityFilter) -> pb::FindSimilarArticlesRequest {
    let source = Some(Source::Article(article("United win the cup final", "")));
    pb::FindSimilarArticlesRequest { source, filter: Some(filter), ..like("") }
}

#[tokio::test]
async fn a_time_between_two_microseconds_counts_as_the_later_one() {
    let archive = Archive::start().await;
    // After 1970, before it, and at the last valid time.
    let last = 253_402_300_799;
    for (id, at) in
        [("a", time(1_700_000_000, 0)), ("b", time(-2, 0)), ("c", time(last, 999_999_000))]
    {
        let article = pb::ArchivedArticle { publish_time: at, ..whole(id) };
        archive.put(article).await.expect("it is stored");
    }
    let found = async |from, until| {
        let filter = pb::SimilarityFilter {
            publish_time_from: from,
            publish_time_until: until,
            ..pb::SimilarityFilter::default()
        };
        ids(&archive.find(filtered(filter)).await.expect("results")).concat()
    };
    for nanos in [1, 500, 999, 1_000] {
        assert_eq!(found(None, time(1_700_000_000, nanos)).await, "ab", "until {nanos} ns");
        assert_eq!(found(time(1_700_000_000, nanos), None).await, "c", "from {nanos} ns");
        assert_eq!(found(None, time(-2, nanos)).await, "b", "until {nanos} ns, before 1970");
        assert_eq!(found(time(-2, nanos), None).await, "ac", "from {nanos} ns, before 1970");
    }
    assert_eq!(found(time(1_700_000_000, 0), None).await, "ac");
    assert_eq!(found(None, time(1_700_000_000, 0)).await, "b");
    assert_eq!(found(None, time(-3, 999_999_999)).await, "");
    assert_eq!(found(time(-3, 999_999_999), None).await, "abc");
    assert_eq!(found(None, time(last, 999_999_999)).await, "abc");
    assert_eq!(found(time(last, 999_999_999), None).await, "");
}

#[tokio::test]
async fn a_time_outside_the_range_of_timestamps_is_refused() {
    let archive = Archive::start().await;
    let out_of_range = [
        (0, -1),
        (0, 1_000_000_000),
        (-62_135_596_801, 0),
        (253_402_300_800, 0),
        (i64::MAX, 0),
        (i64::MIN, 0),
    ];
    for (seconds, nanos) in out_of_range {
        let bad = time(seconds, nanos);
        let none = pb::SimilarityFilter::default;
        let from = pb::SimilarityFilter { publish_time_from: bad, ..none() };
        let until = pb::SimilarityFilter { publish_time_until: bad, ..none() };
        for (filter, field) in
            [(from, "filter.publish_time_from"), (until, "filter.publish_time_until")]
        {
            let status = archive.find(filtered(filter)).await.expect_err("no time");
            assert_eq!(violation(&status), (field.to_owned(), "INVALID_TIMESTAMP".to_owned()));
        }
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_topic_of_low_probability_is_found_on_request() {
    let archive = Archive::start().await;
    let title = "United win the cup final as shares of the bank fall";
    let stored = archive
        .put(draft("a", title, "The club's profit and the market."))
        .await
        .expect("it is stored");
    let [first, second] = &stored.topics[..2] else {
        panic!("two topics of five per cent and more: {stored:?}")
    };
    let filter = |topic: &pb::ArticleTopic, min_topic_probability| pb::SimilarityFilter {
        topics: vec![topic.name.clone()],
        min_topic_probability,
        ..pb::SimilarityFilter::default()
    };
    let found =
        async |filter| ids(&archive.find(filtered(filter)).await.expect("results")).concat();
    assert_eq!(found(filter(first, 0.0)).await, "a");
    assert_eq!(found(filter(second, 0.0)).await, "");
    assert_eq!(found(filter(second, second.probability)).await, "a");
    assert_eq!(found(filter(second, second.probability + 1e-9)).await, "");
    for (bad, reason) in [
        (filter(first, -0.1), "PROBABILITY_OUT_OF_RANGE"),
        (filter(first, 1.1), "PROBABILITY_OUT_OF_RANGE"),
        (filter(first, f64::NAN), "PROBABILITY_OUT_OF_RANGE"),
        (
            pb::SimilarityFilter { topics: Vec::new(), ..filter(first, 0.5) },
            "FIELD_REQUIRES_TOPICS",
        ),
    ] {
        let status = archive.find(filtered(bad)).await.expect_err(reason);
        assert_eq!(
            violation(&status),
            ("filter.min_topic_probability".to_owned(), reason.to_owned())
        );
    }
}

#[tokio::test]
async fn a_list_is_filtered_and_its_tokens_are_bound_to_the_filter() {
    let archive = Archive::start().await;
    for (id, source, at) in
        [("a", "AP", 10), ("b", "Reuters", 20), ("c", "AP", 30), ("d", "AP", 40), ("e", "AP", 50)]
    {
        let article = pb::ArchivedArticle {
            source: source.to_owned(),
            publish_time: time(at, 0),
            ..whole(id)
        };
        archive.put(article).await.expect("it is stored");
    }
    let mut client = archive.articles().await;
    let filter = pb::ArticleFilter {
        topics: strings(&["sport"]),
        sources: strings(&["AP"]),
        publish_time_from: time(10, 1),
        ..pb::ArticleFilter::default()
    };
    let request = pb::ListArticlesRequest {
        page_size: 2,
        filter: Some(filter.clone()),
        ..pb::ListArticlesRequest::default()
    };
    let ids = |page: &pb::ListArticlesResponse| {
        page.articles.iter().map(|article| article.id.clone()).collect::<String>()
    };
    let first = client.list_articles(request.clone()).await.expect("a page").into_inner();
    let next =
        pb::ListArticlesRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let second = client.list_articles(next.clone()).await.expect("a page").into_inner();
    assert_eq!(
        (ids(&first), ids(&second), second.next_page_token.as_str()),
        ("cd".to_owned(), "e".to_owned(), "")
    );
    let sources = strings(&["Reuters"]);
    for filter in [None, Some(pb::ArticleFilter { sources, ..filter.clone() })] {
        let status = client
            .list_articles(pb::ListArticlesRequest { filter, ..next.clone() })
            .await
            .expect_err("not its own");
        assert_eq!(violation(&status), ("page_token".to_owned(), "INVALID_PAGE_TOKEN".to_owned()));
    }
    let filter = Some(pb::ArticleFilter { topics: strings(&["sprot"]), ..filter });
    let status = client
        .list_articles(pb::ListArticlesRequest { filter, ..request })
        .await
        .expect_err("a bad filter");
    assert_eq!(violation(&status), ("filter.topics[0]".to_owned(), "UNKNOWN_TOPIC".to_owned()));
}
