//! ModelService over the wire, and how names of models are resolved.

use slugline::grpc::pb::{
    self, ClassifyRequest, GetModelRequest, ListModelsRequest, ListModelsResponse, Model,
    ModelState,
};
use slugline::grpc::server::{BoundServer, ServerError};
use slugline::service::{OpenError, OpenModelsError};
use tokio::sync::OnceCell;
use tonic::{Code, Status};

use crate::support::{
    TestConfig, TestServer, config, details, explained, models, refusal, shared, sport, violation,
    weights_file,
};

/// A server with two versions of one model, another model, and one with truncated weights. "news"
/// is among them to replace the embedded model of that name.
async fn server() -> &'static TestServer {
    static SERVER: OnceCell<TestServer> = OnceCell::const_new();
    let start = || async {
        let models = models(&["mini/10", "mini/2", "broken/1", "mini/11", "news/1"]);
        for damaged in ["broken/1", "mini/11"] {
            let file = weights_file(&models, damaged);
            let bytes = std::fs::read(&file).expect("weights");
            std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("fewer weights");
        }
        TestServer::start(config(&models, "mini/2")).await
    };
    SERVER.get_or_init(start).await
}

async fn list(page_size: i32, page_token: &str) -> Result<ListModelsResponse, Status> {
    let request = ListModelsRequest { page_size, page_token: page_token.to_owned() };
    server().await.model_service().await.list_models(request).await.map(tonic::Response::into_inner)
}

async fn model(name: &str) -> Result<Model, Status> {
    let request = GetModelRequest { name: name.to_owned() };
    let answer = server().await.model_service().await.get_model(request).await?.into_inner();
    Ok(answer.model.expect("the model asked for"))
}

async fn answering_model(name: &str) -> Result<String, Status> {
    let request = ClassifyRequest { model: name.to_owned(), ..explained(sport()) };
    let answer = server().await.classification().await.classify(request).await?;
    Ok(answer.into_inner().model)
}

fn names(page: &ListModelsResponse) -> Vec<&str> {
    page.models.iter().map(|model| model.name.as_str()).collect()
}

const ALL: [&str; 5] = ["broken/1", "mini/11", "mini/10", "mini/2", "news/1"];

#[tokio::test]
async fn models_are_listed_by_name_the_newest_version_first() {
    assert_eq!(names(&list(0, "").await.expect("a page")), ALL);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let mut listed = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(2, &token).await.expect("a page");
        listed.push(page.models.len());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, [2, 2, 1]);
}

#[tokio::test]
async fn the_second_page_continues_the_first() {
    let first = list(3, "").await.expect("a page");
    assert_eq!(names(&list(3, &first.next_page_token).await.expect("a page")), ALL[3..]);
}

#[tokio::test]
async fn a_page_that_holds_all_models_is_the_last() {
    assert_eq!(list(ALL.len() as i32, "").await.expect("a page").next_page_token, "");
}

#[tokio::test]
async fn a_page_size_above_the_maximum_is_capped() {
    assert_eq!(names(&list(i32::MAX, "").await.expect("a page")), ALL);
}

#[tokio::test]
async fn a_negative_page_size_is_refused() {
    let status = list(-1, "").await.expect_err("refused");
    assert_eq!(violation(&status), ("page_size".to_owned(), "NEGATIVE_PAGE_SIZE".to_owned()));
}

#[tokio::test]
async fn a_page_token_of_another_list_is_refused() {
    for token in ["mini/2", "2", "00000000000000000000000000000000", "日本"] {
        let status = list(0, token).await.expect_err("refused");
        assert_eq!(
            violation(&status),
            ("page_token".to_owned(), "INVALID_PAGE_TOKEN".to_owned()),
            "{token:?}"
        );
    }
}

#[tokio::test]
async fn a_model_describes_itself() {
    let model = model("mini/2").await.expect("a model");
    assert_eq!(
        (model.state(), &*model.recipe, &*model.language_code),
        (ModelState::Serving, "multinomial", "en")
    );
}

#[tokio::test]
async fn a_model_lists_its_topics_with_their_documents() {
    let model = model("mini/2").await.expect("a model");
    let topics: Vec<_> =
        model.topics.iter().map(|topic| (topic.name.as_str(), topic.document_count)).collect();
    // Counted in examples/labelled.jsonl.
    assert_eq!(
        topics,
        [
            ("business", 12),
            ("health", 12),
            ("politics", 12),
            ("science_technology", 12),
            ("sport", 12)
        ]
    );
}

#[tokio::test]
async fn one_model_is_the_default() {
    let page = list(0, "").await.expect("a page");
    let defaults: Vec<_> = page
        .models
        .iter()
        .filter(|model| model.is_default)
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(defaults, ["mini/2"]);
}

#[tokio::test]
async fn an_empty_name_is_the_default_model() {
    assert_eq!(model("").await.expect("a model").name, "mini/2");
}

#[tokio::test]
async fn a_request_without_a_model_is_answered_by_the_default() {
    assert_eq!(answering_model("").await.expect("an answer"), "mini/2");
}

#[tokio::test]
async fn a_name_is_its_newest_usable_version() {
    assert_eq!(answering_model("mini").await.expect("an answer"), "mini/10");
}

#[tokio::test]
async fn a_version_can_be_requested() {
    assert_eq!(answering_model("mini/2").await.expect("an answer"), "mini/2");
}

#[tokio::test]
async fn an_unknown_model_is_named_as_the_missing_resource() {
    let status = model("mini/3").await.expect_err("not found");
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(details(&status).resource_info().expect("which resource").resource_name, "mini/3");
}

#[tokio::test]
async fn a_malformed_name_is_refused() {
    for name in ["Mini", "mini/", "mini/x", "../../etc"] {
        let status = model(name).await.expect_err("refused");
        assert_eq!(
            violation(&status),
            ("name".to_owned(), "INVALID_MODEL_NAME".to_owned()),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn a_damaged_model_is_listed_as_failed() {
    let page = list(1, "").await.expect("a page");
    assert_eq!((&*page.models[0].name, page.models[0].state()), ("broken/1", ModelState::Failed));
}

#[tokio::test]
async fn a_damaged_model_reports_what_is_wrong_with_it() {
    let failure = model("broken/1").await.expect("a model").failure;
    assert!(failure.contains("truncated"), "{failure}");
}

#[tokio::test]
async fn classification_by_a_damaged_model_is_refused() {
    let status = answering_model("broken/1").await.expect_err("refused");
    assert_eq!(refusal(&status), (Code::FailedPrecondition, "MODEL_FAILED".to_owned()));
}

#[tokio::test]
async fn only_usable_models_are_counted() {
    assert_eq!(server().await.info().await.serving_model_count, 3);
}

#[tokio::test]
async fn metrics_lie_in_their_ranges() {
    let metrics = model("mini/2").await.expect("a model").metrics.expect("measured");
    let pb::ModelMetrics {
        document_count,
        accuracy,
        macro_f1,
        micro_f1,
        log_loss,
        expected_calibration_error,
    } = metrics;
    assert_eq!(document_count, 60);
    assert!(
        [accuracy, micro_f1, macro_f1, expected_calibration_error]
            .iter()
            .all(|share| (0.0..=1.0).contains(share)),
        "{metrics:?}"
    );
    assert!(log_loss > 0.0 && log_loss.is_finite(), "{metrics:?}");
}

#[tokio::test]
async fn the_shared_model_serves_next_to_the_embedded_one() {
    let request = GetModelRequest { name: "mini/1".to_owned() };
    let answer = shared()
        .await
        .model_service()
        .await
        .get_model(request)
        .await
        .expect("a model")
        .into_inner();
    assert_eq!(answer.model.map(|model| model.state()), Some(ModelState::Serving));
}

async fn failure_to_run(config: TestConfig) -> ServerError {
    let (config, sources) = config.parts();
    let server = BoundServer::bind(config).await.expect("a free port");
    server
        .run(move || sources.open(), std::future::pending(), || ())
        .await
        .expect_err("no model to serve")
}

#[tokio::test]
async fn a_server_without_its_default_model_lists_those_available() {
    let models = models(&["mini/2", "news/1"]);
    let error = failure_to_run(config(&models, "mini/1")).await.to_string();
    assert_eq!(error, "default model \"mini/1\" not found; available: mini/2, news/1");
}

#[tokio::test]
async fn a_server_does_not_start_on_a_damaged_default_model() {
    let models = models(&["mini/1"]);
    std::fs::write(weights_file(&models, "mini/1"), b"").expect("no weights");
    let error = failure_to_run(config(&models, "mini")).await;
    assert!(
        matches!(
            error,
            ServerError::Open(OpenError::Models(OpenModelsError::DefaultFailed { .. }))
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_does_not_start_on_a_missing_directory() {
    let config = config(&models(&[]), "mini");
    // The directory was deleted with the value that held it.
    let error = failure_to_run(config).await;
    assert!(
        matches!(error, ServerError::Open(OpenError::Models(OpenModelsError::List { .. }))),
        "{error:?}"
    );
}
