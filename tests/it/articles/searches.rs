//! Searches for similar articles over the wire.

use std::collections::{BTreeMap, BTreeSet};

use slugline::grpc::pb;
use slugline::grpc::pb::find_similar_articles_request::Source;

use super::{Archive, FULL, draft, ids, like, whole};
use crate::support::{article, violation};

#[tokio::test]
async fn similar_articles_are_found_by_id_and_by_text_alike() {
    let archive = Archive::start().await;
    for (id, title) in
        [("v1", "Volcano erupts"), ("v2", "The volcano erupted again"), ("b", "Bank merger fails")]
    {
        archive.put(draft(id, title, "It was the talk of the day.")).await.expect("it is stored");
    }
    let by_id = archive.find(like("v1")).await.expect("results");
    assert_eq!(ids(&by_id), ["v2", "b"]);
    let text = article("Volcano erupts", "It was the talk of the day.");
    let by_text = archive
        .find(pb::FindSimilarArticlesRequest { source: Some(Source::Article(text)), ..like("") })
        .await
        .expect("results");
    assert_eq!((ids(&by_text)[0], by_text.articles[0].similarity), ("v1", 1.0));
    assert_eq!(by_text.articles[1..], by_id.articles);
    let first = &by_id.articles[0];
    let named: f64 = first.matched_terms.iter().map(|matched| matched.share).sum();
    let sum = named + first.other_share + first.meaning_share;
    assert!((sum - 1.0).abs() < 1e-9 && first.matched_terms[0].term == "volcano", "{first:?}");
    assert_eq!(archive.find(like("v1")).await.expect("results"), by_id);
}

#[tokio::test]
async fn pages_of_similar_articles_are_bound_to_their_request() {
    let archive = Archive::start().await;
    for number in 0..5 {
        archive
            .put(draft(&format!("v{number}"), "Volcano erupts", &format!("Number {number}.")))
            .await
            .expect("it is stored");
    }
    let request = pb::FindSimilarArticlesRequest { page_size: 3, ..like("v0") };
    let first = archive.find(request.clone()).await.expect("a page");
    let next = pb::FindSimilarArticlesRequest {
        page_token: first.next_page_token.clone(),
        ..request.clone()
    };
    let second = archive
        .find(pb::FindSimilarArticlesRequest { page_size: 1, ..next.clone() })
        .await
        .expect("a page");
    assert_eq!(
        (ids(&first).len(), ids(&second).len(), second.next_page_token.is_empty()),
        (3, 1, true)
    );
    let all = archive
        .find(pb::FindSimilarArticlesRequest { page_size: 100, ..request })
        .await
        .expect("a page");
    assert_eq!(ids(&all), [ids(&first), ids(&second)].concat());
    let other = [
        pb::FindSimilarArticlesRequest {
            source: Some(Source::ArticleId("v1".to_owned())),
            ..next.clone()
        },
        pb::FindSimilarArticlesRequest { min_similarity: 0.1, ..next.clone() },
        pb::FindSimilarArticlesRequest { collapse_near_duplicates: true, ..next.clone() },
        pb::FindSimilarArticlesRequest { page_token: format!("{}00", next.page_token), ..next },
    ];
    for request in other {
        let status = archive.find(request).await.expect_err("a token of another request");
        assert_eq!(violation(&status), ("page_token".to_owned(), "INVALID_PAGE_TOKEN".to_owned()));
    }
}

#[tokio::test]
async fn closeness_in_time_counts_if_it_is_asked_for() {
    const DAY: i64 = 86_400;
    let archive = Archive::start().await;
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let dated = |id: &str, days: i64, body: &str| pb::ArchivedArticle {
        publish_time: time(1_700_000_000 + days * DAY),
        ..draft(id, "Volcano erupts", body)
    };
    for article in [
        dated("source", 10, "Lava reached the harbour."),
        dated("old", 0, "Lava reached the road."),
        dated("near", 9, "Ash fell all night."),
        dated("late", 40, "Ash fell on the town."),
    ] {
        archive.put(article).await.expect("it is stored");
    }
    let plain = archive.find(like("source")).await.expect("results");
    assert_eq!(ids(&plain)[0], "old");
    assert!(plain.articles.iter().all(|hit| hit.score == hit.similarity));
    let half_life = Some(prost_types::Duration { seconds: DAY, nanos: 0 });
    let request = pb::FindSimilarArticlesRequest { recency_half_life: half_life, ..like("source") };
    let recent = archive.find(request.clone()).await.expect("results");
    assert_eq!(ids(&recent)[0], "near");
    let near = &recent.articles[0];
    // A day is one half-life.
    assert!((near.score - 1.5 * near.similarity).abs() < 1e-12, "{near:?}");
    fn id_of(hit: &pb::SimilarArticle) -> Option<&str> {
        hit.article.as_ref().map(|article| article.id.as_str())
    }
    let similarity = |found: &pb::FindSimilarArticlesResponse| {
        let near = found.articles.iter().find(|hit| id_of(hit) == Some("near"));
        near.map(|hit| hit.similarity)
    };
    assert_eq!(similarity(&recent), similarity(&plain));
    let reference_time = time(1_700_000_000 + 41 * DAY);
    let later = pb::FindSimilarArticlesRequest { reference_time, ..request.clone() };
    assert_eq!(ids(&archive.find(later).await.expect("results"))[0], "late");
    // Pages continue at the time of the first one, though a draft is as of now.
    let draft = article("Volcano erupts", "Lava reached the harbour.");
    let request = pb::FindSimilarArticlesRequest {
        source: Some(Source::Article(draft)),
        page_size: 3,
        ..request
    };
    let first = archive.find(request.clone()).await.expect("a page");
    let page_token = first.next_page_token.clone();
    let second = archive
        .find(pb::FindSimilarArticlesRequest { page_token, ..request })
        .await
        .expect("a page");
    let both: BTreeSet<&str> = [ids(&first), ids(&second)].concat().into_iter().collect();
    assert_eq!(both, BTreeSet::from(["late", "near", "old", "source"]));
}

#[tokio::test]
async fn a_page_of_long_results_ends_at_its_size_limit() {
    let archive = Archive::start().await;
    for id in ["a", "b", "c", "d", "e"] {
        let body = "United win the cup final. ".repeat(24_000);
        archive.put(pb::ArchivedArticle { body, ..whole(id) }).await.expect("it is stored");
    }
    let mut request = pb::FindSimilarArticlesRequest { page_size: 100, view: FULL, ..like("a") };
    let mut pages = Vec::new();
    loop {
        let page = archive.find(request.clone()).await.expect("a page");
        pages.push(ids(&page).concat());
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    // Two of 609 KiB are more than 1 MiB.
    assert_eq!(pages, ["bc", "de"]);
}

#[tokio::test]
async fn errors_name_the_invalid_field_of_a_search() {
    let archive = Archive::start().await;
    archive.put(whole("a")).await.expect("it is stored");
    let filter = |filter| pb::FindSimilarArticlesRequest { filter: Some(filter), ..like("a") };
    let none = pb::SimilarityFilter::default;
    let cases = [
        (pb::FindSimilarArticlesRequest { source: None, ..like("a") }, "source", "FIELD_REQUIRED"),
        (like(""), "article_id", "INVALID_ARTICLE_ID"),
        (
            pb::FindSimilarArticlesRequest {
                source: Some(Source::Article(article(" ", ""))),
                ..like("")
            },
            "article",
            "EMPTY_ARTICLE",
        ),
        (
            pb::FindSimilarArticlesRequest { page_size: -1, ..like("a") },
            "page_size",
            "NEGATIVE_PAGE_SIZE",
        ),
        (
            pb::FindSimilarArticlesRequest { min_similarity: 1.5, ..like("a") },
            "min_similarity",
            "SIMILARITY_OUT_OF_RANGE",
        ),
        (
            pb::FindSimilarArticlesRequest { min_similarity: f64::NAN, ..like("a") },
            "min_similarity",
            "SIMILARITY_OUT_OF_RANGE",
        ),
        (
            filter(pb::SimilarityFilter {
                topics: vec!["sport".to_owned(), "sprot".to_owned()],
                ..none()
            }),
            "filter.topics[1]",
            "UNKNOWN_TOPIC",
        ),
        (
            filter(pb::SimilarityFilter { language_codes: vec!["e".to_owned()], ..none() }),
            "filter.language_codes[0]",
            "INVALID_LANGUAGE_CODE",
        ),
        (
            filter(pb::SimilarityFilter {
                publish_time_until: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
                ..none()
            }),
            "filter.publish_time_until",
            "INVALID_TIMESTAMP",
        ),
    ];
    for (request, field, reason) in cases {
        let status = archive.find(request).await.expect_err(reason);
        assert_eq!(violation(&status), (field.to_owned(), reason.to_owned()));
    }
}

#[tokio::test]
async fn a_recency_without_a_half_life_longer_than_zero_is_refused() {
    let archive = Archive::start().await;
    archive.put(draft("a", "Volcano erupts", "")).await.expect("it is stored");
    let zero = pb::FindSimilarArticlesRequest {
        recency_half_life: Some(prost_types::Duration::default()),
        ..like("a")
    };
    let missing = pb::FindSimilarArticlesRequest {
        reference_time: Some(prost_types::Timestamp::default()),
        ..like("a")
    };
    for (request, field, reason) in [
        (zero, "recency_half_life", "INVALID_DURATION"),
        (missing, "reference_time", "FIELD_REQUIRES_HALF_LIFE"),
    ] {
        let status = archive.find(request).await.expect_err(reason);
        assert_eq!(violation(&status), (field.to_owned(), reason.to_owned()));
    }
}

#[tokio::test]
async fn searches_are_filtered() {
    let archive = Archive::start().await;
    for (id, source, language) in
        [("a", "AP", "en"), ("b", "Reuters", "en-GB"), ("c", "Reuters", "de")]
    {
        let article = pb::ArchivedArticle {
            source: source.to_owned(),
            language_code: language.to_owned(),
            ..whole(id)
        };
        archive.put(article).await.expect("it is stored");
    }
    let text = Some(Source::Article(article("United win the cup final", "")));
    let find = |filter| {
        archive.find(pb::FindSimilarArticlesRequest {
            source: text.clone(),
            filter: Some(filter),
            ..like("")
        })
    };
    let none = pb::SimilarityFilter::default;
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let from = Some(prost_types::Timestamp { seconds: 1_700_000_001, nanos: 0 });
    let cases = [
        (pb::SimilarityFilter { sources: strings(&["Reuters"]), ..none() }, "bc"),
        (pb::SimilarityFilter { language_codes: strings(&["en"]), ..none() }, "ab"),
        (pb::SimilarityFilter { topics: strings(&["sport"]), ..none() }, "abc"),
        (pb::SimilarityFilter { topics: strings(&["politics"]), ..none() }, ""),
        (
            pb::SimilarityFilter {
                labels: BTreeMap::from([("desk".to_owned(), "sport".to_owned())]),
                ..none()
            },
            "abc",
        ),
        (pb::SimilarityFilter { publish_time_from: from, ..none() }, ""),
    ];
    for (filter, expected) in cases {
        let found = find(filter.clone()).await.expect("results");
        assert_eq!(ids(&found).concat(), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn an_unknown_text_has_no_topic_and_passes_no_topic_filter() {
    let archive = Archive::start().await;
    let unknown = draft("u", "match", &"qwxyz zzyzx ".repeat(20));
    let stored = archive.put(unknown.clone()).await.expect("it is stored");
    assert_eq!((stored.decision(), stored.topics), (pb::Decision::UnknownText, vec![]));
    let batch = pb::BatchPutArticlesRequest { articles: vec![unknown], ..Default::default() };
    archive.articles().await.batch_put_articles(batch).await.expect("it is stored");
    assert_eq!(archive.get("u").await.expect("it is there").topics, []);
    let source = Some(Source::Article(article("match qwxyz zzyzx", "")));
    let find = |topics| {
        let filter = Some(pb::SimilarityFilter { topics, ..pb::SimilarityFilter::default() });
        archive.find(pb::FindSimilarArticlesRequest { source: source.clone(), filter, ..like("") })
    };
    assert_eq!(ids(&find(vec![]).await.expect("results")), ["u"]);
    let every = ["business", "health", "politics", "sport", "science_technology"]
        .map(str::to_owned)
        .to_vec();
    assert!(ids(&find(every).await.expect("results")).is_empty());
}
