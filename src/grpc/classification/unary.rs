//! Classify: one article.

use std::sync::Arc;

use super::convert::{Options as _, query};
use crate::article::ArticleText;
use crate::grpc::answer_size::check_answer;
use crate::grpc::app::App;
use crate::grpc::pb;
use crate::grpc::transport::offload::{
    LARGE_ARTICLE_BYTES, large_article_permits, run_in_background,
};
use crate::service::{
    FieldViolation, ServiceError, Violations, check_text, classify as classify_article,
};

/// Classifies an article: a large one in the background, others on this worker.
pub(super) async fn classify(
    app: &Arc<App>,
    request: pb::ClassifyRequest,
) -> Result<pb::ClassifyResponse, ServiceError> {
    app.check_ready()?;
    let text = request.article.as_ref().map(ArticleText::from).unwrap_or_default();
    let size = text.size_bytes();
    if size < LARGE_ARTICLE_BYTES || size > app.limits.article_bytes {
        return classify_here(app, &request);
    }
    let app = Arc::clone(app);
    let permit = large_article_permits(size, 1).await;
    run_in_background(move || {
        let _held = permit;
        classify_here(&app, &request)
    })
    .await?
}

fn classify_here(
    app: &App,
    request: &pb::ClassifyRequest,
) -> Result<pb::ClassifyResponse, ServiceError> {
    let article = request
        .article
        .as_ref()
        .ok_or_else(|| ServiceError::Invalid(FieldViolation::required("article")));
    let answer: pb::ClassifyResponse = app.models.with(|set| {
        let model = set.find_serving(&request.model);
        let options = request.options().checked(model.as_ref().ok().copied());
        let mut violations = Violations::default();
        violations.note(&article);
        if let (Ok(article), true) = (&article, options.is_err() || model.is_err()) {
            // Reports the article's violations with those of the other fields.
            let text = ArticleText::from(*article);
            violations.note(&check_text(text, &article.language_code, &app.limits, "article"));
        }
        violations.note(&options);
        violations.note(&model);
        violations.finish()?;
        let options = options?;
        let query = query(article?, &options);
        classify_article(model?, &query, &app.limits, "article").map(Into::into)
    })?;
    check_answer(&answer, app.limits.answer_bytes, request.remedy())?;
    Ok(answer)
}
