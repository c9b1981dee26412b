//! What a filter lets through, over the wire.

use super::*;

fn time(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos })
}

fn filtered(filter: pb::SimilarityFilter) -> pb::FindSimilarArticlesRequest {
    let source = Some(Source::Article(article("United win the cup final", "")));
    pb::FindSimilarArticlesRequest { source, filter: Some(filter), ..like("") }
}

#[tokio::test]
async fn a_bound_between_two_microseconds_is_the_later_one() {
    let archive = Archive::start().await;
    // After 1970, before it, and at the last moment that a time can be.
    let last = 253_402_300_799;
    for (id, at) in [("a", time(1_700_000_000, 0)), ("b", time(-2, 0)), ("c", time(last, 999_999_000))] {
        let article = pb::ArchivedArticle { publish_time: at, ..whole(id) };
        archive.put(article).await.expect("it is stored");
    }
    let found = async |from, until| {
        let filter =
            pb::SimilarityFilter { publish_time_from: from, publish_time_until: until, ..pb::SimilarityFilter::default() };
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
async fn a_bound_that_no_timestamp_can_be_is_refused() {
    let archive = Archive::start().await;
    let out_of_range = [(0, -1), (0, 1_000_000_000), (-62_135_596_801, 0), (253_402_300_800, 0), (i64::MAX, 0), (i64::MIN, 0)];
    for (seconds, nanos) in out_of_range {
        let bad = time(seconds, nanos);
        let none = pb::SimilarityFilter::default;
        let from = pb::SimilarityFilter { publish_time_from: bad, ..none() };
        let until = pb::SimilarityFilter { publish_time_until: bad, ..none() };
        for (filter, field) in [(from, "filter.publish_time_from"), (until, "filter.publish_time_until")] {
            let status = archive.find(filtered(filter)).await.expect_err("no time");
            assert_eq!(violation(&status), (field.to_owned(), "INVALID_TIMESTAMP".to_owned()));
        }
    }
}
