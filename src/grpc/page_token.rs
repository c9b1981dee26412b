//! Page tokens: opaque, and bound to the request they were given for.
//!
//! A token is the hexadecimal form of `[check: 8 bytes][where the next page begins]`. The check is
//! taken over what the request asks for and over the rest of the token: one of another request, or
//! one made up, does not fit.

use sha2::{Digest as _, Sha256};

use crate::article::Limits;
use crate::model::artifact::hexadecimal;
use crate::service::{FieldViolation, ServiceError};

const CHECK_BYTES: usize = 8;

/// What a request asks for, apart from which page of it.
pub(super) struct Binding(Sha256);

impl Binding {
    /// Of the RPC of this name, with a request of these bytes.
    pub(super) fn new(rpc: &str, request: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(rpc).chain_update([0]).chain_update(request))
    }

    fn check(&self, start: &[u8]) -> [u8; CHECK_BYTES] {
        let digest = self.0.clone().chain_update(start).finalize();
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&digest[..CHECK_BYTES]);
        check
    }

    /// A token for the page that begins there.
    pub(super) fn token(&self, start: &[u8]) -> String {
        hexadecimal(&self.check(start)) + &hexadecimal(start)
    }

    /// Where the page of a token begins; None for the empty token, which stands for the first page.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for a token that was not given for this request.
    pub(super) fn start(&self, token: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        if token.is_empty() {
            return Ok(None);
        }
        check_length(token)?;
        let bytes = bytes(token).ok_or_else(not_ours)?;
        let (check, start) = bytes.split_at_checked(CHECK_BYTES).ok_or_else(not_ours)?;
        if check == self.check(start) { Ok(Some(start.to_vec())) } else { Err(not_ours()) }
    }
}

/// # Errors
/// [`ServiceError::Invalid`] for a token longer than any.
pub(super) fn check_length(token: &str) -> Result<(), ServiceError> {
    let (size, most) = (token.len(), Limits::PAGE_TOKEN_BYTES);
    if size <= most {
        return Ok(());
    }
    Err(ServiceError::Invalid(FieldViolation::over_limit(
        "page_token",
        "VALUE_TOO_LONG",
        "bytes",
        size,
        most,
    )))
}

/// The error for a token that is not of its request.
pub(super) fn not_ours() -> ServiceError {
    let description = "is not one that this request gave: start again without it";
    ServiceError::Invalid(FieldViolation::new("page_token", "INVALID_PAGE_TOKEN", description))
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = hexadecimal.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_own_request_only() {
        let binding = Binding::new("rpc", b"request");
        let token = binding.token(b"start");
        assert_eq!(binding.start(&token), Ok(Some(b"start".to_vec())));
        assert_eq!(binding.start(""), Ok(None));
        for other in [Binding::new("rpc", b"other"), Binding::new("other", b"request")] {
            assert_eq!(other.start(&token), Err(not_ours()));
        }
        for wrong in [
            "x",
            "abc",
            "ü",
            &token[..token.len() - 2],
            &token.replace('a', "b"),
            &format!("{token}00"),
        ] {
            if wrong != token {
                assert_eq!(binding.start(wrong), Err(not_ours()), "{wrong}");
            }
        }
    }
}
