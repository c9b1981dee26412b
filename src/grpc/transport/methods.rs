//! What the transport has to know of a method before it reads a request, taken from the
//! descriptors.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};

use super::budget::Rank;
use crate::grpc::descriptors::DESCRIPTORS;
use crate::grpc::shapes::{self, Root};

/// The methods that are answered when nothing else is.
const VITAL: [&str; 2] =
    ["/grpc.health.v1.Health/Check", "/slugline.v1.ServerService/GetServerInfo"];

/// Whether a request is one message or a stream of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// One message.
    Single,
    /// Any number of messages.
    Stream,
}

/// A method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    pub(crate) request_kind: RequestKind,
    /// The shape of its requests; None for services with bounds of their own.
    pub(crate) request: Option<&'static Root>,
    /// Whether a request holds no more than a name.
    pub(crate) is_short: bool,
    /// How much of the budget its calls may use.
    pub(crate) rank: Rank,
}

impl Method {
    /// A method without a descriptor: tonic refuses it, and it costs little until then.
    const UNKNOWN: Self = Self {
        request_kind: RequestKind::Single,
        request: None,
        is_short: true,
        rank: Rank::Small,
    };

    fn described(package: &str, path: &str, method: &MethodDescriptorProto) -> Self {
        let is_stream = method.client_streaming() || method.server_streaming();
        let rank = match (VITAL.contains(&path), is_stream) {
            (true, _) => Rank::Vital,
            (false, true) => Rank::Large,
            (false, false) => Rank::Small,
        };
        let request_kind =
            if method.client_streaming() { RequestKind::Stream } else { RequestKind::Single };
        let is_short = rank == Rank::Vital || package != shapes::PACKAGE;
        let request = method
            .input_type()
            .rsplit_once('.')
            .and_then(|(package, name)| shapes::root(package.trim_start_matches('.'), name));
        Self { request_kind, request, is_short, rank }
    }
}

/// The methods by path.
#[derive(Debug)]
pub(crate) struct Methods(HashMap<String, Method>);

impl Methods {
    /// The methods of all services of the server.
    pub(crate) fn new() -> Self {
        use tonic_reflection::pb::{v1, v1alpha};
        let sets = [
            DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            v1::FILE_DESCRIPTOR_SET,
            v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let mut methods = HashMap::new();
        for set in sets {
            // The descriptors are compiled into the binary, and every test decodes them.
            let set = FileDescriptorSet::decode(set).expect("the compiled descriptors are valid");
            for file in &set.file {
                for service in &file.service {
                    for method in &service.method {
                        let package = file.package();
                        let path = format!("/{package}.{}/{}", service.name(), method.name());
                        let described = Method::described(package, &path, method);
                        methods.insert(path, described);
                    }
                }
            }
        }
        Self(methods)
    }

    /// The method of this path.
    pub(crate) fn of(&self, path: &str) -> Method {
        self.0.get(path).copied().unwrap_or(Method::UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_vital_calls_are_told_from_their_descriptors() {
        let methods = Methods::new();
        let of = |path: &str| {
            let Method { request_kind, rank, .. } = methods.of(path);
            (request_kind == RequestKind::Stream, rank)
        };
        assert_eq!(of("/slugline.v1.ClassificationService/StreamClassify"), (true, Rank::Large));
        assert_eq!(of("/slugline.v1.ArticleService/ImportArticles"), (true, Rank::Large));
        assert_eq!(
            of("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
            (true, Rank::Large)
        );
        assert_eq!(
            of("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
            (true, Rank::Large)
        );
        assert_eq!(of("/grpc.health.v1.Health/Watch"), (false, Rank::Large));
        assert_eq!(of("/slugline.v1.ClassificationService/Classify"), (false, Rank::Small));
        assert_eq!(of("/nobody.Knows/It"), (false, Rank::Small));
        for path in VITAL {
            assert_eq!(of(path), (false, Rank::Vital), "{path}");
            assert!(methods.0.contains_key(path), "{path}");
        }
    }
}
