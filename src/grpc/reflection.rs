//! grpc.reflection, v1 and v1alpha: answers questions about the server's descriptors.
//!
//! The messages and the service traits are tonic-reflection's. Its service is not used: it ends the
//! stream at the first question without an answer, where the protocol has an `error_response`, and
//! does not support extensions.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream;
use prost::Message;
use prost_reflect::{DescriptorPool, FileDescriptor};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::server_reflection_server::ServerReflection;
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, ExtensionRequest, FileDescriptorResponse,
    ListServiceResponse, ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};
use tonic_reflection::pb::{v1, v1alpha};

use super::app::App;
use super::descriptors::DESCRIPTORS;
use super::status;
use super::transport::deadline::{CallDeadline, expired};
use crate::article::Limits;
use crate::service::ServiceError;

/// What questions may be about.
#[derive(Debug)]
struct Described {
    pool: DescriptorPool,
    /// The file of every full name, except packages.
    files: BTreeMap<String, FileDescriptor>,
}

/// Answers from the descriptors of all services of the server.
#[derive(Debug, Clone)]
pub(super) struct ReflectionService {
    described: Arc<Described>,
    app: Arc<App>,
}

impl ReflectionService {
    /// Describes the services of this server, health and reflection included.
    pub(super) fn new(app: Arc<App>) -> Self {
        let mut pool = DescriptorPool::new();
        let health = tonic_health::pb::FILE_DESCRIPTOR_SET;
        for set in [DESCRIPTORS, health, v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET] {
            // The descriptors are compiled into the binary, and every test decodes them.
            pool.decode_file_descriptor_set(set).expect("the compiled descriptors are valid");
        }
        let files = files_by_name(&pool);
        Self { described: Arc::new(Described { pool, files }), app }
    }

    /// Answers a stream of questions of either version, whose messages have the same fields. A
    /// question without an answer gets an error, and the stream goes on.
    fn answers<Q: Message + Default + 'static, A: Message + Default + 'static>(
        &self,
        questions: Request<Streaming<Q>>,
    ) -> Answers<A> {
        let deadline = CallDeadline::of(questions.extensions());
        let start = (self.clone(), questions.into_inner());
        Box::pin(stream::try_unfold(start, move |(service, mut questions)| async move {
            let next = tokio::select! {
                next = questions.message() => next.map_err(|error| {
                    status::of_transport(error, Limits::NAME_MESSAGE_BYTES)
                })?,
                () = expired(deadline) => {
                    return Err(status::status(ServiceError::DeadlineExceeded));
                }
                () = service.app.draining() => return Err(status::status(ServiceError::Draining)),
            };
            let answer = |question| in_version(&service.described.answer(in_version(&question)));
            Ok(next.map(|question| (answer(question), (service.clone(), questions))))
        }))
    }
}

/// Converts a message of one version into the same message of the other.
fn in_version<A: Message, B: Message + Default>(message: &A) -> B {
    // It decodes: the fields have the same numbers and types.
    B::decode(&*message.encode_to_vec()).unwrap_or_default()
}

/// The files by the full names they declare.
fn files_by_name(pool: &DescriptorPool) -> BTreeMap<String, FileDescriptor> {
    let mut files = BTreeMap::new();
    let mut declare = |name: &str, file: FileDescriptor| files.insert(name.to_owned(), file);
    for message in pool.all_messages() {
        declare(message.full_name(), message.parent_file());
        for field in message.fields() {
            declare(field.full_name(), message.parent_file());
        }
        for oneof in message.oneofs() {
            declare(oneof.full_name(), message.parent_file());
        }
    }
    for of_enum in pool.all_enums() {
        declare(of_enum.full_name(), of_enum.parent_file());
        for value in of_enum.values() {
            declare(value.full_name(), of_enum.parent_file());
        }
    }
    for extension in pool.all_extensions() {
        declare(extension.full_name(), extension.parent_file());
    }
    for service in pool.services() {
        declare(service.full_name(), service.parent_file());
        for method in service.methods() {
            declare(method.full_name(), service.parent_file());
        }
    }
    files
}

impl Described {
    fn answer(&self, question: ServerReflectionRequest) -> ServerReflectionResponse {
        let answer = self.message(question.message_request.as_ref()).unwrap_or_else(|error| {
            MessageResponse::ErrorResponse(ErrorResponse {
                error_code: error.code().into(),
                error_message: error.message().to_owned(),
            })
        });
        ServerReflectionResponse {
            valid_host: question.host.clone(),
            original_request: Some(question),
            message_response: Some(answer),
        }
    }

    fn message(&self, question: Option<&MessageRequest>) -> Result<MessageResponse, Status> {
        let file = |file: &FileDescriptor| {
            // As compiled, with custom options.
            let file_descriptor_proto = vec![file.encode_to_vec()];
            MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                file_descriptor_proto,
            })
        };
        match question {
            None => Err(status::empty_question()),
            Some(MessageRequest::FileByFilename(name)) => self
                .pool
                .get_file_by_name(name)
                .map(|found| file(&found))
                .ok_or_else(|| status::not_described("file", name)),
            Some(MessageRequest::FileContainingSymbol(name)) => {
                self.files.get(name).map(file).ok_or_else(|| status::not_described("symbol", name))
            }
            Some(MessageRequest::FileContainingExtension(ExtensionRequest {
                containing_type,
                extension_number,
            })) => {
                let message = self.pool.get_message_by_name(containing_type);
                let number = u32::try_from(*extension_number).ok();
                let extension =
                    message.zip(number).and_then(|(message, number)| message.get_extension(number));
                extension.map(|extension| file(&extension.parent_file())).ok_or_else(|| {
                    status::not_described(
                        "extension",
                        &format!("{containing_type}:{extension_number}"),
                    )
                })
            }
            Some(MessageRequest::AllExtensionNumbersOfType(name)) => {
                let message = self
                    .pool
                    .get_message_by_name(name)
                    .ok_or_else(|| status::not_described("message", name))?;
                let numbers: BTreeSet<i32> = message
                    .extensions()
                    .filter_map(|extension| i32::try_from(extension.number()).ok())
                    .collect();
                Ok(MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number: numbers.into_iter().collect(),
                }))
            }
            Some(MessageRequest::ListServices(_)) => {
                let names: BTreeSet<String> =
                    self.pool.services().map(|service| service.full_name().to_owned()).collect();
                let service = names.into_iter().map(|name| ServiceResponse { name }).collect();
                Ok(MessageResponse::ListServicesResponse(ListServiceResponse { service }))
            }
        }
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ServerReflection for ReflectionService {
    type ServerReflectionInfoStream = Answers<ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        questions: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        Ok(Response::new(self.answers(questions)))
    }
}

#[tonic::async_trait]
impl v1alpha::server_reflection_server::ServerReflection for ReflectionService {
    type ServerReflectionInfoStream = Answers<v1alpha::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        questions: Request<Streaming<v1alpha::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        Ok(Response::new(self.answers(questions)))
    }
}
