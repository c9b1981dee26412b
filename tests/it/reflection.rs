//! Reflection over the wire, in both versions.

use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message as _;
use tonic::Code;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest as Question;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse as Wire;
use tonic_reflection::pb::v1::{
    ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse,
};

use crate::support::{shared, violation};
use crate::wire::{call, messages};

/// The two versions have the same messages.
const VERSIONS: [&str; 2] = ["v1", "v1alpha"];

/// Asks these questions in one stream.
async fn ask(version: &str, questions: &[Option<Question>]) -> Vec<ServerReflectionResponse> {
    let request = |question: &Option<Question>| {
        ServerReflectionRequest { host: "host".to_owned(), message_request: question.clone() }
            .encode_to_vec()
    };
    let requests: Vec<_> = questions.iter().map(request).collect();
    let method = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
    let answer = call(&shared().await.channel().await, &method, &requests).await;
    assert_eq!(answer.status.code(), Code::Ok, "{version}: {:?}", answer.status);
    messages(&answer.data)
        .map(|message| ServerReflectionResponse::decode(message).expect("a message"))
        .collect()
}

/// The answer to a question, or its error.
async fn answer(version: &str, question: Question) -> Result<Wire, (Code, String)> {
    let [answer] = <[_; 1]>::try_from(ask(version, &[Some(question)]).await).expect("one answer");
    match answer.message_response.expect("an answer") {
        Wire::ErrorResponse(error) => Err((Code::from(error.error_code), error.error_message)),
        other => Ok(other),
    }
}

fn symbol(name: &str) -> Question {
    Question::FileContainingSymbol(name.to_owned())
}

fn extension(containing_type: &str, extension_number: i32) -> Question {
    Question::FileContainingExtension(ExtensionRequest {
        containing_type: containing_type.to_owned(),
        extension_number,
    })
}

#[tokio::test]
async fn the_services_are_listed() {
    const EXPECTED: [&str; 8] = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "slugline.v1.ArticleService",
        "slugline.v1.ClassificationService",
        "slugline.v1.ModelService",
        "slugline.v1.ServerService",
        "slugline.v1.SimilarityService",
    ];
    for version in VERSIONS {
        let Ok(Wire::ListServicesResponse(list)) =
            answer(version, Question::ListServices("*".to_owned())).await
        else {
            panic!("{version}: no list")
        };
        let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
        assert_eq!(names, EXPECTED, "{version}");
    }
}

#[tokio::test]
async fn a_question_without_an_answer_fails_alone() {
    let unanswerable = [
        Some(symbol("no.Such")),
        Some(symbol("")),
        // A package is not declared in a single file.
        Some(symbol("slugline.v1")),
        Some(Question::FileByFilename("no/such.proto".to_owned())),
        Some(extension("no.Such", 1)),
        Some(extension("slugline.v1.Article", 1)),
        Some(extension("google.protobuf.FieldOptions", -1)),
        Some(Question::AllExtensionNumbersOfType("no.Such".to_owned())),
        // An empty question.
        None,
    ];
    let count = unanswerable.len();
    for version in VERSIONS {
        let questions: Vec<_> =
            unanswerable.iter().cloned().chain([Some(symbol("slugline.v1.Article"))]).collect();
        let answers = ask(version, &questions).await;
        assert_eq!(answers.len(), questions.len(), "{version}");
        for (place, answer) in answers.into_iter().enumerate() {
            let question = &questions[place];
            assert_eq!(
                answer.original_request.map(|request| request.message_request),
                Some(question.clone()),
                "{version}"
            );
            match answer.message_response {
                Some(Wire::ErrorResponse(error)) if place < count => {
                    let expected =
                        if question.is_none() { Code::InvalidArgument } else { Code::NotFound };
                    assert_eq!(Code::from(error.error_code), expected, "{version}: {question:?}");
                    assert!(!error.error_message.is_empty(), "{version}: {question:?}");
                }
                Some(Wire::FileDescriptorResponse(_)) if place == count => {}
                other => panic!("{version}: {question:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_error_repeats_the_question() {
    for version in VERSIONS {
        let error = answer(version, symbol("no.Such")).await.expect_err("there is none");
        assert_eq!(error, (Code::NotFound, "symbol \"no.Such\" not found".to_owned()), "{version}");
    }
}

#[tokio::test]
async fn every_declaration_leads_to_its_file() {
    let declared = [
        ("slugline.v1.ClassificationService", "slugline/v1/classification_service.proto"),
        ("slugline.v1.ClassificationService.Classify", "slugline/v1/classification_service.proto"),
        ("slugline.v1.Article", "slugline/v1/article.proto"),
        ("slugline.v1.Article.title", "slugline/v1/article.proto"),
        ("slugline.v1.BatchClassifyResult.result", "slugline/v1/classification_service.proto"),
        ("slugline.v1.SimilarityFilter.LabelsEntry", "slugline/v1/similarity_service.proto"),
        ("slugline.v1.Decision", "slugline/v1/classification_service.proto"),
        // The full names of an enum's values are siblings of its own.
        ("slugline.v1.DECISION_CONFIDENT", "slugline/v1/classification_service.proto"),
        ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
        ("grpc.health.v1.HealthCheckResponse.ServingStatus", "health.proto"),
    ];
    for version in VERSIONS {
        for (name, expected) in declared {
            for question in [symbol(name), Question::FileByFilename(expected.to_owned())] {
                let Ok(Wire::FileDescriptorResponse(files)) = answer(version, question).await
                else {
                    panic!("{version}: {name}: no file")
                };
                let [file] = &files.file_descriptor_proto[..] else { panic!("one file") };
                let file = prost_types::FileDescriptorProto::decode(&**file).expect("a file");
                assert_eq!(file.name(), expected, "{version}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn the_extensions_of_a_message_are_those_of_the_descriptors() {
    let pool = DescriptorPool::decode(slugline::grpc::DESCRIPTORS).expect("descriptors");
    let of = |name: &str| -> Vec<i32> {
        let extensions = pool
            .all_extensions()
            .filter(|extension| extension.containing_message().full_name() == name);
        extensions.map(|extension| extension.number() as i32).collect()
    };
    for version in VERSIONS {
        for name in ["slugline.v1.Article", "google.protobuf.Timestamp"] {
            let Ok(Wire::AllExtensionNumbersResponse(numbers)) =
                answer(version, Question::AllExtensionNumbersOfType(name.to_owned())).await
            else {
                panic!("{version}: {name}: no numbers")
            };
            assert_eq!(
                (numbers.base_type_name.as_str(), numbers.extension_number),
                (name, of(name)),
                "{version}"
            );
        }
    }
}

#[tokio::test]
async fn a_malformed_message_ends_the_stream_with_its_reason() {
    let channel = shared().await.channel().await;
    for version in VERSIONS {
        let method = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        for (message, reason) in
            [(vec![0xff], "MALFORMED_MESSAGE"), (vec![0; 2_000], "MESSAGE_TOO_LARGE")]
        {
            let answer = call(&channel, &method, &[message]).await;
            assert_eq!(
                violation(&answer.status),
                ("(message)".to_owned(), reason.to_owned()),
                "{version}"
            );
        }
    }
}
