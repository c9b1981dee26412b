//! Errors reach the client, whatever a request holds and an error repeats.

use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, Kind};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;

use crate::support::shared;
use crate::wire::{
    self, bounded_fields, bytes_of, call, is_the_callers_fault, methods, plausible, text, uri,
};

/// The limit of gRPC's C core on metadata.
const METADATA_BYTES: usize = 8 << 10;

/// Values that are long, or become long when quoted, percent-encoded or encoded in base64.
fn hostile() -> Vec<String> {
    let invisible = "\u{202e}\u{200b}";
    [
        ("x", 3_000),
        ("x", 20_000),
        ("\u{1}", 3_000),
        (invisible, 200),
        (invisible, 3_000),
        ("日", 1_000),
        ("\"%\\", 1_000),
    ]
    .map(|(text, times)| text.repeat(times))
    .into()
}

#[tokio::test]
async fn errors_reach_the_client_whatever_a_string_of_the_request_holds() {
    let channel = shared().await.channel().await;
    let mut errors = 0;
    for method in methods() {
        for path in bounded_fields(&method.input()) {
            if !matches!(path.last().map(prost_reflect::FieldDescriptor::kind), Some(Kind::String))
            {
                continue;
            }
            for value in hostile() {
                let mut request = plausible(&method.input());
                wire::set(&mut request, &path, text(value));
                let answer = call(&channel, &uri(&method), &[bytes_of(&request)]).await;
                let at = format!("{} {path:?}: {}", method.full_name(), answer.status.code());
                assert!(
                    answer.metadata_bytes < METADATA_BYTES,
                    "{at}: {} bytes of metadata",
                    answer.metadata_bytes
                );
                // The errors of a batch are part of its answer.
                assert!(
                    answer.data.len() < METADATA_BYTES,
                    "{at}: {} bytes of data",
                    answer.data.len()
                );
                let code = answer.status.code();
                assert!(code == Code::Ok || is_the_callers_fault(code), "{at}");
                errors += usize::from(code != Code::Ok);
            }
        }
    }
    assert!(errors > 100, "{errors}");
}

#[tokio::test]
async fn errors_of_health_and_reflection_reach_the_client_whatever_is_asked() {
    let channel = shared().await.channel().await;
    for value in hostile() {
        let request = HealthCheckRequest { service: value }.encode_to_vec();
        let answer = call(&channel, "/grpc.health.v1.Health/Check", &[request]).await;
        assert!(is_the_callers_fault(answer.status.code()), "{:?}", answer.status);
        assert!(answer.metadata_bytes < METADATA_BYTES, "{}", answer.metadata_bytes);
    }
    for (set, package) in [
        (tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET, "grpc.reflection.v1"),
        (tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET, "grpc.reflection.v1alpha"),
    ] {
        let pool = DescriptorPool::decode(set).expect("descriptors");
        let input = pool
            .get_message_by_name(&format!("{package}.ServerReflectionRequest"))
            .expect("the request");
        for (path, value) in bounded_fields(&input)
            .iter()
            .flat_map(|path| hostile().into_iter().map(move |value| (path, value)))
        {
            let mut request = plausible(&input);
            wire::set(&mut request, path, text(value));
            let answer = call(
                &channel,
                &format!("/{package}.ServerReflection/ServerReflectionInfo"),
                &[bytes_of(&request)],
            )
            .await;
            assert!(answer.metadata_bytes < METADATA_BYTES, "{path:?}: {:?}", answer.status);
        }
    }
}
