//! BatchClassify: many articles, in parts.

use std::sync::Arc;

use prost::Message as _;
use tokio_util::sync::CancellationToken;

use super::convert::{Options as _, query};
use crate::article::ArticleText;
use crate::grpc::answer_size::check_answer_bytes;
use crate::grpc::app::App;
use crate::grpc::transport::budget::ANSWER_FACTOR;
use crate::grpc::transport::call::{Call, Charge};
use crate::grpc::transport::offload::{core_count, large_article_permits, run_in_background};
use crate::grpc::{pb, status};
use crate::service::{
    Classification, ClassifyOptions, ClassifyQuery, Parallelism, ServiceError, Violations,
    check_batch_size, classify_batch as classify_articles,
};

/// How many articles are classified before their answers are charged.
const PART_LEN: usize = 128;
/// What a result takes besides its message: a tag, and a length.
const FRAME_BYTES: usize = 1 + 4;

/// Classifies the articles of a batch, in the background.
pub(super) async fn classify_batch(
    app: &Arc<App>,
    request: pb::BatchClassifyRequest,
) -> Result<pb::BatchClassifyResponse, ServiceError> {
    app.check_ready()?;
    let (model, options) = app.models.with(|set| {
        let model = set.find_serving(&request.model);
        let options = request.options().checked(model.as_ref().ok().copied());
        Ok((model.map(|_| ()), options))
    })?;
    let mut violations = Violations::default();
    violations.note(&check_batch_size("articles", request.articles.len(), &app.limits));
    violations.note(&options);
    violations.note(&model);
    violations.finish()?;
    model?;
    let options = options?;
    let permit = app.batches.enter()?;
    let sizes = request.articles.iter().map(|article| ArticleText::from(article).size_bytes());
    let large = large_article_permits(sizes.max().unwrap_or(0), usize::MAX).await;
    let charge =
        Call::current().map(|call| call.charge(0)).transpose().map_err(|_| ServiceError::NoRoom)?;
    // A call that is dropped, its deadline passed or its caller gone, cannot stop its thread: this
    // tells it.
    let cancelled = CancellationToken::new();
    let _cancel_on_drop = cancelled.clone().drop_guard();
    let app = Arc::clone(app);
    run_in_background(move || {
        let _held = (permit, large);
        classify_in_parts(&app, &request, &options, (charge, &cancelled))
    })
    .await?
}

/// Classifies a batch part by part, so that its answer is charged as it grows: with explanations it
/// is a multiple of the request.
fn classify_in_parts(
    app: &App,
    request: &pb::BatchClassifyRequest,
    options: &ClassifyOptions,
    (mut charge, cancelled): (Option<Charge>, &CancellationToken),
) -> Result<pb::BatchClassifyResponse, ServiceError> {
    let queries: Vec<ClassifyQuery<'_>> =
        request.articles.iter().map(|article| query(article, options)).collect();
    let parallelism = Parallelism { threads: core_count(), cancelled };
    let (mut results, mut answer_bytes) = (Vec::with_capacity(queries.len()), 0);
    app.models.with(|set| {
        let model = set.find_serving(&request.model)?;
        for (part, queries) in queries.chunks(PART_LEN).enumerate() {
            let first = part * PART_LEN;
            let answers = classify_articles(model, queries, first, &app.limits, parallelism)?;
            results.extend(answers.into_iter().map(result));
            let framed = |result: &pb::BatchClassifyResult| FRAME_BYTES + result.encoded_len();
            let bytes: usize = results[first..].iter().map(framed).sum();
            answer_bytes += bytes;
            check_answer_bytes(answer_bytes, app.limits.answer_bytes, request.batch_remedy())?;
            if let Some(charge) = &mut charge {
                charge.grow(bytes * ANSWER_FACTOR).map_err(|_| ServiceError::NoRoom)?;
            }
        }
        Ok(())
    })?;
    Ok(pb::BatchClassifyResponse { results })
}

fn result(answer: Result<Classification, ServiceError>) -> pb::BatchClassifyResult {
    use pb::batch_classify_result::Result as Wire;
    let result = match answer {
        Ok(classification) => Wire::Classification(classification.into()),
        Err(error) => Wire::Error(status::message(error)),
    };
    pb::BatchClassifyResult { result: Some(result) }
}
