//! Page tokens: opaque, and bound to the request they were issued for.
//!
//! A token is `[check: 8 bytes][start of the next page]` in hexadecimal. The check is a hash of
//! what the request asks for and of the start, so that a token of another request, or a forged one,
//! does not fit.

use sha2::{Digest as _, Sha256};

use crate::article::Limits;
use crate::service::{FieldViolation, ServiceError, check_length};

const CHECK_BYTES: usize = 8;

/// What a request asks for, apart from the page.
pub(super) struct Binding(Sha256);

impl Binding {
    /// Binds tokens to the RPC of this name and a request of these bytes.
    pub(super) fn new(rpc: &str, request: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(rpc).chain_update([0]).chain_update(request))
    }

    fn check(&self, start: &[u8]) -> [u8; CHECK_BYTES] {
        let digest = self.0.clone().chain_update(start).finalize();
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&digest[..CHECK_BYTES]);
        check
    }

    /// The token of the page that starts there.
    pub(super) fn token(&self, start: &[u8]) -> String {
        hex::encode([&self.check(start), start].concat())
    }

    /// Where the page of a token starts; None for the empty token, which means the first page.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for a token of another request.
    pub(super) fn start(&self, token: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        if token.is_empty() {
            return Ok(None);
        }
        check_token_length(token)?;
        let bytes = hex::decode(token).map_err(|_| not_of_this_request())?;
        let (check, start) = bytes.split_at_checked(CHECK_BYTES).ok_or_else(not_of_this_request)?;
        if check == self.check(start) {
            Ok(Some(start.to_vec()))
        } else {
            Err(not_of_this_request())
        }
    }
}

/// Checks the length of a token.
///
/// # Errors
/// [`ServiceError::Invalid`] for one over the limit.
pub(super) fn check_token_length(token: &str) -> Result<(), ServiceError> {
    check_length(token, Limits::PAGE_TOKEN_BYTES, "page_token")
}

/// The error for a token of another request.
pub(super) fn not_of_this_request() -> ServiceError {
    invalid_token("does not belong to this request; omit it to start over")
}

/// The error for a token that leads nowhere.
pub(super) fn invalid_token(description: &str) -> ServiceError {
    FieldViolation::new("page_token", "INVALID_PAGE_TOKEN", description).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_only_its_own_request() {
        let binding = Binding::new("rpc", b"request");
        let token = binding.token(b"start");
        assert_eq!(binding.start(&token), Ok(Some(b"start".to_vec())));
        assert_eq!(binding.start(""), Ok(None));
        for other in [Binding::new("rpc", b"other"), Binding::new("other", b"request")] {
            assert_eq!(other.start(&token), Err(not_of_this_request()));
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
                assert_eq!(binding.start(wrong), Err(not_of_this_request()), "{wrong}");
            }
        }
    }
}
