//! The names of decisions.

use crate::grpc::pb::Decision;

/// What a decision is called in tables and in JSON.
pub(super) fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::Confident => "confident",
        Decision::Uncertain => "uncertain",
        Decision::UnknownText => "unknown text",
        Decision::Unspecified => "unspecified",
    }
}
