//! A model's name and version.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A model's name and version, written "news/1".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelId {
    /// Lower-case letters, digits, `-` and `_`; at most 64.
    pub name: String,
    /// At least 1.
    pub version: u32,
}

/// Why a string is not a model's name or version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelIdError {
    /// The name breaks the rule.
    #[error("a model's name must have 1 to 64 lower-case letters, digits, '-' or '_'")]
    Name,
    /// The version breaks the rule.
    #[error("a model's version must be a whole number of at least 1, without leading zeros")]
    Version,
}

impl ModelId {
    /// Checks a name and a version.
    ///
    /// # Errors
    /// [`ModelIdError`] says which of them breaks the rule.
    pub fn new(name: &str, version: &str) -> Result<Self, ModelIdError> {
        Self::check_name(name)?;
        let number: u32 = version.parse().map_err(|_| ModelIdError::Version)?;
        if number == 0 || number.to_string() != version {
            return Err(ModelIdError::Version);
        }
        Ok(Self { name: name.to_owned(), version: number })
    }

    /// Checks a name alone.
    ///
    /// # Errors
    /// [`ModelIdError::Name`].
    pub fn check_name(name: &str) -> Result<(), ModelIdError> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        };
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(ModelIdError::Name);
        }
        Ok(())
    }
}

impl FromStr for ModelId {
    type Err = ModelIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = text.split_once('/').ok_or(ModelIdError::Version)?;
        Self::new(name, version)
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_ids_are_written_one_way() {
        assert_eq!("news/1".parse::<ModelId>().map(|id| id.to_string()), Ok("news/1".to_owned()));
        for wrong in
            ["news", "news/", "news/0", "news/01", "news/+1", "/1", "News/1", "../1", "a/b/1"]
        {
            assert!(wrong.parse::<ModelId>().is_err(), "{wrong}");
        }
    }
}
