//! ClassificationService on the wire.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::answer_body::ANSWER_FACTOR;
use super::call::{Call, Charge};
use super::calls::{
    CancelOnDrop, LARGE_ARTICLE_BYTES, in_the_background, large_work, missing, start_of,
};
use super::layers::{Deadline, expired};
use super::pb::classification_service_server::ClassificationService;
use super::server::App;
use super::{pb, status};
use crate::article::{ArticleField, ArticleText, TextSpan};
use crate::model::Decision;
use crate::service::{
    BroadTopicResult, Classification, ClassifyOptions, ClassifyQuery, EvidenceTerm, FieldViolation,
    LevelResult, ModelWarning, RequestedOptions, ServiceError, TopicResult, Violations, check_text,
    classify, classify_batch,
};

/// So many articles of a batch are classified before their answers are charged.
const BATCH_PART: usize = 128;
/// The most that a result takes besides its message: a number, and a length.
const FRAME_BYTES: usize = 1 + 4;
/// How many answers of a stream may wait for the caller to read them.
const STREAM_READ_AHEAD: usize = 16;

/// The options of a ClassifyRequest or a BatchClassifyRequest: they have the same fields.
macro_rules! requested {
    ($request:expr) => {
        RequestedOptions {
            max_topics: $request.max_topics,
            min_probability: $request.min_probability,
            explain: $request.explain,
            max_evidence_terms: $request.max_evidence_terms,
            max_evidence_spans: $request.max_evidence_spans,
        }
    };
}

/// Adapts the use cases of classification.
#[derive(Debug, Clone)]
pub(super) struct ClassificationApi(pub(super) Arc<App>);

#[tonic::async_trait]
impl ClassificationService for ClassificationApi {
    async fn classify(
        &self,
        request: Request<pb::ClassifyRequest>,
    ) -> Result<Response<pb::ClassifyResponse>, Status> {
        let answer = self.0.classify(request.into_inner()).await;
        answer.map(Response::new).map_err(status::status)
    }

    async fn batch_classify(
        &self,
        request: Request<pb::BatchClassifyRequest>,
    ) -> Result<Response<pb::BatchClassifyResponse>, Status> {
        let answer = self.0.classify_batch(request.into_inner()).await;
        answer.map(Response::new).map_err(status::status)
    }

    type StreamClassifyStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamClassifyResponse, Status>> + Send>>;

    async fn stream_classify(
        &self,
        request: Request<Streaming<pb::StreamClassifyRequest>>,
    ) -> Result<Response<Self::StreamClassifyStream>, Status> {
        self.0.check_ready().map_err(status::status)?;
        let deadline = request.extensions().get::<Deadline>().copied();
        let (answers, receiver) = mpsc::channel(STREAM_READ_AHEAD);
        let app = Arc::clone(&self.0);
        let requests = request.into_inner();
        let call = Call::current();
        let work = async move {
            let end = tokio::select! {
                end = app.answer_stream(requests, &answers) => end,
                () = expired(deadline) => Err(status::status(ServiceError::DeadlineExceeded)),
                () = app.draining() => Err(status::status(ServiceError::Draining)),
                // The caller has left.
                () = answers.closed() => Ok(()),
            };
            if let Err(status) = end {
                // Nobody may be there to be told.
                let _ = answers.send(Err(status)).await;
            }
        };
        match call {
            Some(call) => tokio::spawn(call.scope(work)),
            None => tokio::spawn(work),
        };
        // What an answer held while it waited is given back as it is encoded.
        let answers =
            ReceiverStream::new(receiver).map(|answer| answer.map(|Waiting { answer, .. }| answer));
        Ok(Response::new(Box::pin(answers)))
    }
}

/// An answer of a stream that waits to be read, and what it holds of the budget.
struct Waiting {
    answer: pb::StreamClassifyResponse,
    _charge: Option<Charge>,
}

impl App {
    async fn classify(
        self: &Arc<Self>,
        request: pb::ClassifyRequest,
    ) -> Result<pb::ClassifyResponse, ServiceError> {
        self.check_ready()?;
        let size =
            request.article.as_ref().map_or(0, |article| article.title.len() + article.body.len());
        if size < LARGE_ARTICLE_BYTES || size > self.limits.article_bytes {
            return self.classify_here(&request);
        }
        let app = Arc::clone(self);
        let place = large_work(size, 1).await;
        in_the_background(move || {
            let _place = place;
            app.classify_here(&request)
        })
        .await?
    }

    fn classify_here(
        &self,
        request: &pb::ClassifyRequest,
    ) -> Result<pb::ClassifyResponse, ServiceError> {
        let options = requested!(request).checked();
        let article = request.article.as_ref().ok_or_else(|| missing("article"));
        let answer: pb::ClassifyResponse = self.models.with(|set| {
            let entry = set.find_serving(&request.model);
            let mut violations = Violations::default();
            violations.note(&article);
            if let (Ok(article), true) = (&article, options.is_err() || entry.is_err()) {
                // What else is wrong is told with it.
                let text = ArticleText { title: &article.title, body: &article.body };
                violations.note(&check_text(text, &article.language_code, &self.limits, "article"));
            }
            violations.note(&options);
            violations.note(&entry);
            violations.finish()?;
            classify(entry?, &query(article?, options?), &self.limits, "article").map(Into::into)
        })?;
        let (field, what) = to_lower(request.explain);
        self.check_answer(&answer, field, what)?;
        Ok(answer)
    }

    async fn classify_batch(
        self: &Arc<Self>,
        request: pb::BatchClassifyRequest,
    ) -> Result<pb::BatchClassifyResponse, ServiceError> {
        self.check_ready()?;
        let options = requested!(request).checked();
        let model = self.models.with(|set| set.find_serving(&request.model).map(|_| ()));
        let mut violations = Violations::default();
        violations.note(&self.check_batch("articles", request.articles.len()));
        violations.note(&options);
        violations.note(&model);
        violations.finish()?;
        model?;
        let options = options?;
        let permit = self.batches.enter()?;
        let app = Arc::clone(self);
        // A call that is dropped (its deadline passed, its caller left) cannot stop the thread that
        // works on it: this tells it.
        let cancelled = CancelOnDrop::default();
        let flag = cancelled.flag();
        let largest =
            request.articles.iter().map(|article| article.title.len() + article.body.len()).max();
        let place = large_work(largest.unwrap_or(0), usize::MAX).await;
        let charge = Call::current()
            .map(|call| call.charge(0))
            .transpose()
            .map_err(|_| ServiceError::NoRoom)?;
        in_the_background(move || {
            let _held = (permit, place);
            app.batch_here(&request, options, charge, &flag)
        })
        .await?
    }

    /// Classifies a batch part by part, so that its answer is charged as it grows: with
    /// explanations it is a multiple of the request.
    fn batch_here(
        &self,
        request: &pb::BatchClassifyRequest,
        options: ClassifyOptions,
        mut charge: Option<Charge>,
        cancelled: &AtomicBool,
    ) -> Result<pb::BatchClassifyResponse, ServiceError> {
        let queries: Vec<ClassifyQuery<'_>> =
            request.articles.iter().map(|article| query(article, options)).collect();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (mut results, mut answer_bytes) = (Vec::with_capacity(queries.len()), 0);
        self.models.with(|set| {
            let entry = set.find_serving(&request.model)?;
            for (part, queries) in queries.chunks(BATCH_PART).enumerate() {
                let answers = classify_batch(
                    entry,
                    queries,
                    part * BATCH_PART,
                    &self.limits,
                    threads,
                    cancelled,
                )?;
                let before = results.len();
                results.extend(answers.into_iter().map(batch_result));
                let framed = |result: &pb::BatchClassifyResult| FRAME_BYTES + result.encoded_len();
                let bytes: usize = results[before..].iter().map(framed).sum();
                answer_bytes += bytes;
                if answer_bytes > self.limits.answer_bytes {
                    let (field, what) = to_lower(request.explain);
                    return Err(self.answer_too_large(
                        answer_bytes,
                        field,
                        &format!("{what}, or send fewer articles"),
                    ));
                }
                if let Some(charge) = &mut charge {
                    charge.grow(bytes * ANSWER_FACTOR).map_err(|_| ServiceError::NoRoom)?;
                }
            }
            Ok(())
        })?;
        Ok(pb::BatchClassifyResponse { results })
    }

    /// Answers the requests of a stream one after the other, until it ends.
    async fn answer_stream(
        self: &Arc<Self>,
        mut requests: Streaming<pb::StreamClassifyRequest>,
        answers: &mpsc::Sender<Result<Waiting, Status>>,
    ) -> Result<(), Status> {
        let call = Call::current();
        loop {
            let next = requests.message().await;
            let Some(request) =
                next.map_err(|error| status::of_transport(error, self.limits.message_bytes))?
            else {
                return Ok(());
            };
            let answer = {
                // It is never closed.
                let _place = self.streams.acquire().await;
                self.answer_one(request).await
            };
            let bytes = answer.encoded_len() * ANSWER_FACTOR;
            let charge = call.as_ref().map(|call| call.charge(bytes)).transpose();
            let charge = charge.map_err(|_| status::budget_exhausted())?;
            if answers.send(Ok(Waiting { answer, _charge: charge })).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn answer_one(
        self: &Arc<Self>,
        request: pb::StreamClassifyRequest,
    ) -> pb::StreamClassifyResponse {
        use pb::stream_classify_response::Result as Wire;
        let pb::StreamClassifyRequest { mut id, request } = request;
        let (size, most) = (id.len(), self.limits.request_id_bytes);
        let answer = if size > most {
            // An id that is too long is not sent back whole.
            id = start_of(id, most);
            Err(ServiceError::Invalid(FieldViolation::over_limit(
                "id",
                "ID_TOO_LONG",
                "bytes",
                size,
                most,
            )))
        } else {
            match request {
                Some(request) => self.classify(request).await,
                None => Err(missing("request")),
            }
        };
        let result = match answer {
            Ok(classification) => Wire::Classification(classification),
            Err(error) => Wire::Error(status::message(error)),
        };
        pb::StreamClassifyResponse { id, result: Some(result) }
    }
}

/// What to lower where an answer is too large: the field that an error names, and all that helps.
fn to_lower(explain: bool) -> (&'static str, &'static str) {
    if explain {
        ("max_evidence_terms", "lower max_evidence_terms, max_evidence_spans or max_topics")
    } else {
        ("max_topics", "lower max_topics")
    }
}

fn batch_result(answer: Result<Classification, ServiceError>) -> pb::BatchClassifyResult {
    use pb::batch_classify_result::Result as Wire;
    let result = match answer {
        Ok(classification) => Wire::Classification(classification.into()),
        Err(error) => Wire::Error(status::message(error)),
    };
    pb::BatchClassifyResult { result: Some(result) }
}

fn query(article: &pb::Article, options: ClassifyOptions) -> ClassifyQuery<'_> {
    ClassifyQuery {
        text: ArticleText { title: &article.title, body: &article.body },
        language_code: &article.language_code,
        options,
    }
}

/// Counts fit: they are bounded by the largest article.
fn count(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

impl From<Classification> for pb::ClassifyResponse {
    fn from(classification: Classification) -> Self {
        let decision = match classification.decision {
            Decision::Confident => pb::Decision::Confident,
            Decision::Uncertain => pb::Decision::Uncertain,
            Decision::UnknownText => pb::Decision::UnknownText,
        };
        Self {
            topics: classification.topics.into_iter().map(Into::into).collect(),
            decision: decision.into(),
            model: classification.model.to_string(),
            token_count: count(classification.token_count),
            known_token_count: count(classification.known_token_count),
            warnings: classification.warnings.into_iter().map(Into::into).collect(),
            levels: classification.levels.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<TopicResult> for pb::TopicScore {
    fn from(topic: TopicResult) -> Self {
        Self {
            name: topic.name,
            probability: topic.probability,
            log_odds: topic.log_odds,
            bias: topic.bias,
            evidence: topic.evidence.into_iter().map(Into::into).collect(),
            other_evidence_weight: topic.other_evidence_weight,
            assigned: topic.assigned,
        }
    }
}

impl From<LevelResult> for pb::TopicLevel {
    fn from(LevelResult { depth, topics }: LevelResult) -> Self {
        let topics = topics.into_iter().map(|BroadTopicResult { name, probability, assigned }| {
            pb::BroadTopic { name, probability, assigned }
        });
        // It fits: a topic's name is short.
        Self { depth: i32::try_from(depth).unwrap_or(i32::MAX), topics: topics.collect() }
    }
}

impl From<EvidenceTerm> for pb::Evidence {
    fn from(EvidenceTerm { term, weight, count: times, spans }: EvidenceTerm) -> Self {
        Self {
            term,
            weight,
            count: count(times),
            spans: spans.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<TextSpan> for pb::TextSpan {
    fn from(TextSpan { field, start, end }: TextSpan) -> Self {
        let field = match field {
            ArticleField::Title => pb::ArticleField::Title,
            ArticleField::Body => pb::ArticleField::Body,
        };
        Self { field: field.into(), start: count(start), end: count(end) }
    }
}

impl From<ModelWarning> for pb::Warning {
    fn from(warning: ModelWarning) -> Self {
        let (code, message) = match warning {
            ModelWarning::LanguageMismatch { article, model } => (
                pb::WarningCode::LanguageMismatch,
                format!(
                    "the article is said to be in {article:?}, and the model was trained on {model:?}"
                ),
            ),
            ModelWarning::MostlyUnknownWords { known, all } => (
                pb::WarningCode::MostlyUnknownWords,
                format!("the model knows {known} of the {all} words"),
            ),
        };
        Self { code: code.into(), message }
    }
}
