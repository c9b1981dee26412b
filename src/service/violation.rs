//! One field of a request that is not as it should be.

/// A field of a request that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path of the field in the request: `article.body`, `articles[3].body`.
    pub field: String,
    /// What is wrong with it, in English.
    pub description: String,
    /// The kind of fault, in UPPER_SNAKE_CASE.
    pub reason: &'static str,
    /// The values behind it, by name: a limit, a size.
    pub values: Vec<(&'static str, String)>,
}

impl FieldViolation {
    /// A violation without values.
    pub fn new(
        field: impl Into<String>,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), description: description.into(), reason, values: Vec::new() }
    }

    /// A violation of a limit; `unit` is what is counted: "bytes".
    pub fn over_limit(
        field: impl Into<String>,
        reason: &'static str,
        unit: &str,
        size: usize,
        limit: usize,
    ) -> Self {
        Self {
            field: field.into(),
            description: format!("has {size} {unit}, over the limit of {limit}"),
            reason,
            values: vec![("size", size.to_string()), ("limit", limit.to_string())],
        }
    }

    /// The violation of a field that is required and missing.
    pub fn required(field: impl Into<String>) -> Self {
        Self::new(field, "FIELD_REQUIRED", "is required")
    }
}
