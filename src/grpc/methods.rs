//! What the transport has to know of a method before it reads a request: from the descriptors, so
//! that none is forgotten.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::FileDescriptorSet;

use super::DESCRIPTORS;
use super::budget::Rank;
use super::shapes::{self, Root};

/// Calls that are answered when nothing else is.
const VITAL: [&str; 2] =
    ["/grpc.health.v1.Health/Check", "/slugline.v1.ServerService/GetServerInfo"];

/// A method.
#[derive(Debug, Clone, Copy)]
pub(super) struct Method {
    /// Whether the request is a stream.
    pub(super) is_request_stream: bool,
    /// What its requests look like; None for those that are not bounded here.
    pub(super) request: Option<&'static Root>,
    /// Whether a request holds no more than a name.
    pub(super) is_short: bool,
    /// How far into the budget its calls may go.
    pub(super) rank: Rank,
}

impl Method {
    /// What is not in the descriptors: it is refused, and costs little until then.
    const UNKNOWN: Self =
        Self { is_request_stream: false, request: None, is_short: true, rank: Rank::Small };
}

/// The methods by path.
#[derive(Debug)]
pub(super) struct Methods(HashMap<String, Method>);

impl Methods {
    /// Those of all services of the server.
    pub(super) fn new() -> Self {
        use tonic_reflection::pb::{v1, v1alpha};
        let sets = [
            DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            v1::FILE_DESCRIPTOR_SET,
            v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let mut methods = HashMap::new();
        for set in sets {
            // The descriptors are part of the binary: if they are good once, they are good always.
            let files =
                FileDescriptorSet::decode(set).expect("the compiled descriptors are valid").file;
            for file in &files {
                for service in &file.service {
                    for method in &service.method {
                        let path =
                            format!("/{}.{}/{}", file.package(), service.name(), method.name());
                        let is_request_stream = method.client_streaming();
                        let rank = match (
                            VITAL.contains(&&*path),
                            is_request_stream || method.server_streaming(),
                        ) {
                            (true, _) => Rank::Vital,
                            (false, true) => Rank::Large,
                            (false, false) => Rank::Small,
                        };
                        let is_short = rank == Rank::Vital || file.package() != "slugline.v1";
                        let request = method.input_type().rsplit_once('.');
                        let request = request.and_then(|(package, name)| {
                            shapes::root(package.trim_start_matches('.'), name)
                        });
                        methods.insert(path, Method { is_request_stream, request, is_short, rank });
                    }
                }
            }
        }
        Self(methods)
    }

    /// The method of this path.
    pub(super) fn of(&self, path: &str) -> Method {
        self.0.get(path).copied().unwrap_or(Method::UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_vital_calls_are_known_by_their_descriptors() {
        let methods = Methods::new();
        let of = |path: &str| (methods.of(path).is_request_stream, methods.of(path).rank);
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
