//! Tests of statuses as clients receive them.

use super::*;

/// What the headers of a status take, counted as HTTP/2 does (RFC 9113, section 6.5.2).
fn metadata_bytes(status: Status) -> usize {
    status
        .into_http::<tonic::body::Body>()
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32)
        .sum()
}

#[test]
fn every_error_arrives_whatever_it_repeats() {
    for text in ["x", "\u{1}", "\u{202e}\u{200b}", "日", "%", "\""] {
        let long = || text.repeat(100_000);
        let violation = FieldViolation {
            values: vec![("size", long()), ("limit", long())],
            ..FieldViolation::new(long(), "R", long())
        };
        let errors = [
            ServiceError::InvalidFields(vec![violation.clone(); 40]),
            ServiceError::Invalid(violation),
            ServiceError::ModelNotFound { name: long() },
            ServiceError::ModelFailed { name: long(), reason: long() },
            ServiceError::ArticleNotFound { id: long() },
            ServiceError::ArticleExists { id: long() },
            ServiceError::ArticleChanged { id: long() },
            ServiceError::ArticleCorrupt { id: long(), reason: long() },
            ServiceError::ArchiveFull { reason: long() },
            ServiceError::ArchiveReadOnly { reason: long() },
            ServiceError::ArchiveDamaged { reason: long() },
            ServiceError::Internal(long()),
        ];
        for error in errors {
            let size = metadata_bytes(status(error));
            assert!(size < 7 << 10, "{text:?}: {size}");
        }
        for error in [
            internal(&long()),
            service_not_found(&long()),
            of_transport(Status::unimplemented(long()), 1),
        ] {
            let size = metadata_bytes(error);
            assert!(size < 7 << 10, "{text:?}: {size}");
        }
    }
}

#[test]
fn of_several_violations_the_first_says_why_and_all_are_listed() {
    let violation = |field: &str, reason| FieldViolation::new(field, reason, "is wrong");
    let error =
        ServiceError::InvalidFields(vec![violation("a", "FIRST"), violation("b", "SECOND")]);
    let status = status(error);
    assert_eq!(status.message(), "a: is wrong; and 1 more");
    let details = status.get_error_details();
    let info = details.error_info().expect("a reason");
    assert_eq!((info.reason.as_str(), info.metadata["violation_count"].as_str()), ("FIRST", "2"));
    let fields = details
        .bad_request()
        .map(|bad| bad.field_violations.iter().map(|one| one.field.as_str()).collect());
    assert_eq!(fields, Some(vec!["a", "b"]));
}

#[test]
fn the_longest_id_is_repeated_whole() {
    let id = "日".repeat(85);
    let error = status(ServiceError::ArticleNotFound { id: id.clone() });
    assert_eq!(
        error.get_error_details().resource_info().map(|info| info.resource_name.clone()),
        Some(id)
    );
}
