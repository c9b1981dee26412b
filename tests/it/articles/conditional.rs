//! Conditional writes.

use slugline::grpc::pb;
use slugline::grpc::pb::batch_delete_articles_result::Result as Deleted;
use slugline::grpc::pb::batch_put_articles_result::Result as Stored;
use tonic::{Code, Status};

use super::{Archive, draft};
use crate::support::{details, refusal, violation};

impl Archive {
    async fn put_if(
        &self,
        article: pb::ArchivedArticle,
        create_only: bool,
    ) -> Result<pb::PutArticleResponse, Status> {
        let request = pb::PutArticleRequest { article: Some(article), create_only };
        self.articles().await.put_article(request).await.map(tonic::Response::into_inner)
    }

    async fn delete_if(
        &self,
        id: &str,
        etag: &str,
        allow_missing: bool,
    ) -> Result<pb::DeleteArticleResponse, Status> {
        let request =
            pb::DeleteArticleRequest { id: id.to_owned(), etag: etag.to_owned(), allow_missing };
        self.articles().await.delete_article(request).await.map(tonic::Response::into_inner)
    }
}

fn with_etag(article: pb::ArchivedArticle, etag: &str) -> pb::ArchivedArticle {
    pb::ArchivedArticle { etag: etag.to_owned(), ..article }
}

fn refused(reason: &str) -> (Code, String) {
    let code = if reason == "ARTICLE_EXISTS" { Code::AlreadyExists } else { Code::Aborted };
    (code, reason.to_owned())
}

#[tokio::test]
async fn create_only_stores_only_new_articles() {
    let archive = Archive::start().await;
    let stored = archive.put_if(draft("a", "one", ""), true).await.expect("nothing is there");
    assert_eq!(stored.outcome(), pb::PutOutcome::Created);
    let error = archive.put_if(draft("a", "two", ""), true).await.expect_err("it is there");
    assert_eq!(refusal(&error), refused("ARTICLE_EXISTS"));
    let resource = details(&error).resource_info().expect("the article").clone();
    assert_eq!(
        (resource.resource_type.as_str(), resource.resource_name.as_str()),
        ("slugline.v1.ArchivedArticle", "a")
    );
    assert_eq!(archive.get("a").await.expect("the article").title, "one");
}

#[tokio::test]
async fn an_etag_keeps_a_put_from_undoing_another_change() {
    let archive = Archive::start().await;
    let stored = archive.put(draft("a", "one", "")).await.expect("it is stored");
    let read = archive.get("a").await.expect("the article");
    assert_eq!(read.etag, stored.etag);
    let mine = pb::ArchivedArticle { title: "mine".to_owned(), ..read.clone() };
    let theirs = pb::ArchivedArticle { title: "theirs".to_owned(), ..read };
    let stored = archive.put(theirs).await.expect("it has not changed");
    assert_eq!(stored.outcome(), pb::PutOutcome::Replaced);
    assert_eq!(
        refusal(&archive.put(mine.clone()).await.expect_err("it has")),
        refused("ETAG_MISMATCH")
    );
    assert_eq!(archive.get("a").await.expect("the article").title, "theirs");
    let mine = archive.put(with_etag(mine, &stored.etag)).await.expect("it is read again");
    assert_eq!(archive.get("a").await.expect("the article").etag, mine.etag);
    // An article that was deleted meanwhile stays deleted.
    archive.delete_if("a", "", false).await.expect("it is there");
    let error =
        archive.put(with_etag(draft("a", "mine", ""), &mine.etag)).await.expect_err("it is gone");
    assert_eq!(refusal(&error), refused("ETAG_MISMATCH"));
}

#[tokio::test]
async fn lists_and_searches_return_the_etag_of_the_article() {
    let archive = Archive::start().await;
    let etag = archive.put(super::whole("a")).await.expect("it is stored").etag;
    let list = archive.articles().await.list_articles(pb::ListArticlesRequest::default()).await;
    assert_eq!(list.expect("a page").into_inner().articles[0].etag, etag);
    let draft = pb::Article { title: super::whole("a").title, ..pb::Article::default() };
    let source = Some(pb::find_similar_articles_request::Source::Article(draft));
    let request =
        pb::FindSimilarArticlesRequest { source, ..pb::FindSimilarArticlesRequest::default() };
    let found = archive.find(request).await.expect("a page").articles;
    assert_eq!(found[0].article.as_ref().expect("an article").etag, etag);
}

#[tokio::test]
async fn an_etag_with_create_only_is_refused() {
    let archive = Archive::start().await;
    let error =
        archive.put_if(with_etag(draft("a", "one", ""), "abc"), true).await.expect_err("both");
    assert_eq!(
        violation(&error),
        ("article.etag".to_owned(), "CONFLICTING_PRECONDITIONS".to_owned())
    );
}

#[tokio::test]
async fn a_deletion_may_be_conditional_too() {
    let archive = Archive::start().await;
    let etag = archive.put(draft("a", "one", "")).await.expect("it is stored").etag;
    assert_eq!(
        refusal(&archive.delete_if("a", "0", true).await.expect_err("another")),
        refused("ETAG_MISMATCH")
    );
    archive.delete_if("a", &etag, false).await.expect("it has not changed");
    assert_eq!(
        archive.delete_if("a", &etag, false).await.expect_err("it is gone").code(),
        Code::NotFound
    );
    archive.delete_if("a", &etag, true).await.expect("it may be gone");
    archive.delete_if("a", "", true).await.expect("it may be gone");
}

#[tokio::test]
async fn in_a_batch_a_failed_condition_fails_alone() {
    let archive = Archive::start().await;
    archive.put(draft("old", "one", "")).await.expect("it is stored");
    let articles = vec![
        draft("old", "two", ""),
        draft("new", "two", ""),
        draft("new", "three", ""),
        draft("", "bad", ""),
    ];
    let request = pb::BatchPutArticlesRequest { articles, create_only: true };
    let results = archive
        .articles()
        .await
        .batch_put_articles(request)
        .await
        .expect("a batch")
        .into_inner()
        .results;
    let codes = results.iter().map(|result| match result.result.as_ref().expect("a result") {
        Stored::Stored(stored) => Ok(stored.outcome()),
        Stored::Error(error) => Err(Code::from_i32(error.code)),
    });
    let expected = [
        Err(Code::AlreadyExists),
        Ok(pb::PutOutcome::Created),
        Err(Code::AlreadyExists),
        Err(Code::InvalidArgument),
    ];
    assert_eq!(codes.collect::<Vec<_>>(), expected);
    assert_eq!(archive.get("new").await.expect("the article").title, "two");
    for (allow_missing, is_deleted) in [(false, [true, false]), (true, [true, true])] {
        archive.put(draft("old", "one", "")).await.expect("it is stored");
        let ids = vec!["old".to_owned(), "nobody".to_owned()];
        let request = pb::BatchDeleteArticlesRequest { ids, allow_missing };
        let results = archive
            .articles()
            .await
            .batch_delete_articles(request)
            .await
            .expect("a batch")
            .into_inner()
            .results;
        let deleted =
            results.iter().map(|result| matches!(result.result, Some(Deleted::Deleted(_))));
        assert_eq!(deleted.collect::<Vec<_>>(), is_deleted);
    }
}

#[tokio::test]
async fn an_import_rejects_existing_articles_in_order() {
    let archive = Archive::start().await;
    archive.put(draft("b", "one", "")).await.expect("it is stored");
    // An invalid article is known before the archive reports on the others.
    let first = vec![
        draft("a", "two", ""),
        draft("b", "two", ""),
        draft("", "bad", ""),
        draft("c", "two", ""),
    ];
    let second = vec![draft("a", "three", ""), draft("d", "two", "")];
    let messages =
        [first, second].map(|articles| pb::ImportArticlesRequest { articles, create_only: true });
    let answer = archive
        .articles()
        .await
        .import_articles(tokio_stream::iter(messages))
        .await
        .expect("an import")
        .into_inner();
    assert_eq!((answer.accepted_count, answer.replaced_count, answer.rejected_count), (3, 0, 3));
    let rejected = answer.rejections.iter().map(|rejection| {
        let code = Code::from_i32(rejection.error.as_ref().expect("why").code);
        (rejection.index, rejection.id.as_str(), code)
    });
    let expected = [
        (1, "b", Code::AlreadyExists),
        (2, "", Code::InvalidArgument),
        (4, "a", Code::AlreadyExists),
    ];
    assert_eq!(rejected.collect::<Vec<_>>(), expected);
    assert_eq!(archive.get("b").await.expect("the article").title, "one");
    assert_eq!(archive.get("a").await.expect("the article").title, "two");
}
