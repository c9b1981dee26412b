//! Cuts what an error repeats, so that it reaches every client.

use std::collections::HashMap;

use tonic_types::{ErrorDetails, ErrorInfo, FieldViolation, RequestInfo, ResourceInfo};

/// Limit on `grpc-message`, in percent-encoded bytes.
///
/// Clients limit the metadata of an answer: those of gRPC's C core drop more than 8 KiB, and their
/// caller sees RESOURCE_EXHAUSTED. The metadata holds the message twice, and most details a third
/// time in base64. With these limits the longest error takes less than 7 KiB.
pub(super) const MAX_MESSAGE_BYTES: usize = 1_024;
/// Limit on a sentence of the details, in bytes.
const MAX_SENTENCE_BYTES: usize = 512;
/// Limit on a value or path of the details, in bytes: no valid value of a request is longer, except
/// texts.
const MAX_VALUE_BYTES: usize = 256;
/// Limit on the violations of an error, in bytes with the frame of each.
const MAX_VIOLATIONS_BYTES: usize = 2_048;
const VIOLATION_FRAME_BYTES: usize = 16;
/// The end of a text that was cut.
const CUT: &str = "...";

/// Cuts the details of an error to their limits.
pub(super) fn fit(details: &mut ErrorDetails) {
    let sentence = |text: &str| cut(text, MAX_SENTENCE_BYTES, char::len_utf8);
    let value = |text: &str| cut(text, MAX_VALUE_BYTES, char::len_utf8);
    if let Some(ErrorInfo { reason, domain, metadata }) = details.error_info().cloned() {
        let metadata: HashMap<String, String> =
            metadata.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        details.set_error_info(reason, domain, metadata);
    }
    if let Some(bad) = details.bad_request() {
        let violations = bad.field_violations.iter();
        let violations = violations.map(|violation| {
            FieldViolation::new(value(&violation.field), sentence(&violation.description))
        });
        let mut used = 0;
        let has_room = |violation: &FieldViolation| {
            used += violation.field.len() + violation.description.len() + VIOLATION_FRAME_BYTES;
            used <= MAX_VIOLATIONS_BYTES
        };
        // The first one always has.
        details.set_bad_request(violations.take_while(has_room).collect::<Vec<_>>());
    }
    if let Some(ResourceInfo { resource_type, resource_name, owner, description }) =
        details.resource_info().cloned()
    {
        details.set_resource_info(
            resource_type,
            value(&resource_name),
            owner,
            sentence(&description),
        );
    }
    if let Some(RequestInfo { request_id, serving_data }) = details.request_info().cloned() {
        details.set_request_info(value(&request_id), serving_data);
    }
}

/// The longest prefix of whole characters that fits into `bytes`, ending with [`CUT`] if it is not
/// the whole text. `length` is the number of bytes that a character takes.
pub(super) fn cut(text: &str, bytes: usize, length: impl Fn(char) -> usize) -> String {
    let (mut used, mut end) = (0, 0);
    for (at, character) in text.char_indices() {
        if used + CUT.len() <= bytes {
            end = at;
        }
        used += length(character);
        if used > bytes {
            return format!("{}{CUT}", &text[..end]);
        }
    }
    text.to_owned()
}

/// An upper bound on the bytes that a character takes in `grpc-message`.
pub(super) fn percent_encoded_len(character: char) -> usize {
    let is_plain = character.is_ascii_graphic() && !"\"#%<>`?{}".contains(character);
    if is_plain { 1 } else { 3 * character.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        let plain = |text: &str, bytes| cut(text, bytes, char::len_utf8);
        assert_eq!(plain("abcdef", 6), "abcdef");
        assert_eq!(plain("abcdefg", 6), "abc...");
        assert_eq!(plain("abéééé", 6), "ab...");
        assert_eq!(plain("", 6), "");
    }

    #[test]
    fn a_message_is_measured_as_it_is_sent() {
        // Two plain ones, then three bytes each: "%20" and "%C3%A9".
        let lengths = ["a/", " ", "\u{1}", "é", "日"]
            .map(|text| text.chars().map(percent_encoded_len).sum::<usize>());
        assert_eq!(lengths, [2, 3, 3, 6, 9]);
        assert_eq!(cut("日日日", 24, percent_encoded_len), "日日...");
    }
}
