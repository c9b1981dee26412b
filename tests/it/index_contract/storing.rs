//! Writes, as they are read back.

use slugline::index::{
    ArchivedArticle, ArticlePage, ListQuery, Precondition, PublishTime, SimilarPage, SimilarQuery,
    SimilarityIndex, Write, WriteOutcome,
};

use super::fixtures::{
    article, find, first, id, ids, numbered, put, put_stories, text, topic, write,
};

pub(super) fn an_empty_archive_finds_nothing(index: &dyn SimilarityIndex) {
    assert_eq!(index.get(&id("a")).expect("readable"), None);
    assert_eq!(index.list(&first(10)), Ok(ArticlePage::default()));
    assert_eq!(
        index.find_similar(&SimilarQuery::new(text("volcano", ""))),
        Ok(SimilarPage::default())
    );
    assert_eq!(index.status().article_count, 0);
    assert_eq!(write(index, vec![Write::delete(id("a"))]), [WriteOutcome::Absent]);
}

pub(super) fn outcomes_report_each_write_in_order(index: &dyn SimilarityIndex) {
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

pub(super) fn a_write_whose_precondition_fails_changes_nothing(index: &dyn SimilarityIndex) {
    let (one, other) = (article("a", "one", ""), article("a", "other", ""));
    let put_if =
        |article: &ArchivedArticle, condition| Write::put(article.clone()).only_if(condition);
    let delete_if = |condition| Write::delete(id("a")).only_if(condition);
    let as_of = |article: &ArchivedArticle| Precondition::Unchanged(article.etag());
    // The article does not exist.
    let refused =
        [put_if(&other, as_of(&one)), delete_if(as_of(&one)), delete_if(Precondition::Absent)];
    assert_eq!(
        write(index, refused.into()),
        [WriteOutcome::Changed, WriteOutcome::Absent, WriteOutcome::Absent]
    );
    assert_eq!(index.get(&id("a")), Ok(None));
    // Each write of a batch sees the effects of the earlier ones, if they have any.
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
    // The same applies to the effects of earlier batches.
    let refused =
        vec![put_if(&one, Precondition::Absent), put_if(&one, as_of(&one)), delete_if(as_of(&one))];
    assert_eq!(write(index, refused), [Exists, Changed, Changed]);
    assert_eq!(index.status().article_count, 1);
    assert_eq!(write(index, vec![put_if(&one, as_of(&other))]), [Replaced]);
    assert_eq!(write(index, vec![delete_if(as_of(&one))]), [WriteOutcome::Deleted]);
    assert_eq!(index.get(&id("a")), Ok(None));
    assert_eq!(index.status().article_count, 0);
}

pub(super) fn an_article_is_read_as_it_was_put(index: &dyn SimilarityIndex) {
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

pub(super) fn a_replaced_article_is_found_only_by_its_new_text(index: &dyn SimilarityIndex) {
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

pub(super) fn a_deleted_article_is_absent(index: &dyn SimilarityIndex) {
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

pub(super) fn articles_are_listed_by_id(index: &dyn SimilarityIndex) {
    // By bytes: upper case before lower case, "10" before "9", other scripts last.
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
    // "some title" has ten bytes, so that the second article fills the page.
    let page = index.list(&ListQuery { bytes: 11, ..first(10) }).expect("readable");
    assert_eq!((page.articles.len(), page.is_more), (2, true));
    assert_eq!(
        index.list(&ListQuery { after: Some(id("é")), ..first(10) }),
        Ok(ArticlePage::default())
    );
}

pub(super) fn the_topics_of_articles_are_reported(index: &dyn SimilarityIndex) {
    let mut with_topic = article("a", "some title", "");
    with_topic.topics = vec![topic("world", 0.9, true)];
    write(index, vec![put(with_topic), put(article("b", "another", ""))]);
    assert_eq!((index.has_topic("world"), index.has_topic("sport")), (Ok(true), Ok(false)));
    write(index, vec![Write::delete(id("a"))]);
    assert_eq!(index.has_topic("world"), Ok(false));
}

pub(super) fn concurrent_writes_are_all_stored(index: &dyn SimilarityIndex) {
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
