//! Collects all that is wrong with a request, so that the caller learns it at once.

use super::error::ServiceError;
use super::violation::FieldViolation;

/// The violations of a request, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Adds a violation.
    pub fn push(&mut self, violation: FieldViolation) {
        self.0.push(violation);
    }

    /// Adds the violations of an outcome. Any other error is left to whoever unwraps the outcome.
    pub fn note<T>(&mut self, outcome: &Result<T, ServiceError>) {
        match outcome {
            Err(ServiceError::Invalid(violation)) => self.0.push(violation.clone()),
            Err(ServiceError::InvalidFields(violations)) => self.0.extend_from_slice(violations),
            _ => {}
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Succeeds if there are none.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for one, [`ServiceError::InvalidFields`] for several.
    pub fn finish(mut self) -> Result<(), ServiceError> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(ServiceError::Invalid(self.0.remove(0))),
            _ => Err(ServiceError::InvalidFields(self.0)),
        }
    }
}

/// Both values.
///
/// # Errors
/// The violations of both outcomes; without any, the first other error.
pub fn both<A, B>(
    first: Result<A, ServiceError>,
    second: Result<B, ServiceError>,
) -> Result<(A, B), ServiceError> {
    let mut violations = Violations::default();
    violations.note(&first);
    violations.note(&second);
    violations.finish()?;
    Ok((first?, second?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_violations_of_both_outcomes_come_before_any_other_error() {
        let invalid = |field| Err::<(), _>(ServiceError::invalid(field, "R", "is wrong"));
        let fields = |outcome| match outcome {
            Err(ServiceError::Invalid(one)) => vec![one.field],
            Err(ServiceError::InvalidFields(all)) => all.into_iter().map(|one| one.field).collect(),
            _ => Vec::new(),
        };
        assert_eq!(both(Ok(1), Ok(2)), Ok((1, 2)));
        assert_eq!(fields(both(invalid("a"), invalid("b"))), ["a", "b"]);
        assert_eq!(fields(both(Err::<(), _>(ServiceError::NotReady), invalid("b"))), ["b"]);
        assert_eq!(both(Err::<(), _>(ServiceError::NotReady), Ok(2)), Err(ServiceError::NotReady));
    }
}
