//! Reads numbers in arguments, and says in plain words which range a refused one must lie in.

use std::fmt::Display;
use std::ops::{RangeBounds, RangeInclusive};
use std::str::FromStr;

/// A parser of whole numbers in a range.
pub(super) fn whole_number<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!("it must be a whole number from {} to {}", range.start(), range.end())
        })
    }
}

/// A parser of whole numbers from a least one on.
pub(super) fn at_least<T>(
    least: T,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse().ok().filter(|number| *number >= least);
        number.ok_or_else(|| format!("it must be a whole number of at least {least}"))
    }
}

/// A parser of numbers in a range, which `words` state: "from 0 to 1".
pub(super) fn number(
    range: impl RangeBounds<f64> + Clone + Send + Sync + 'static,
    words: &'static str,
) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("it must be a number {words}"))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;
    use std::ops::Bound;

    use super::*;

    #[test]
    fn a_whole_number_out_of_range_is_refused_with_the_range() {
        let weight = whole_number(NonZeroU8::MIN..=NonZeroU8::MAX);
        assert_eq!(weight("255").map(NonZeroU8::get), Ok(255));
        for wrong in ["0", "256", "-1", "1.5", "x", "", " 1", "99999999999999999999999"] {
            let reason = "it must be a whole number from 1 to 255";
            assert_eq!(weight(wrong), Err(reason.to_owned()), "{wrong:?}");
        }
    }

    #[test]
    fn a_whole_number_below_the_least_is_refused() {
        assert_eq!(at_least(1_u64)("12"), Ok(12));
        for wrong in ["0", "-1", "x", "99999999999999999999999"] {
            let reason = "it must be a whole number of at least 1";
            assert_eq!(at_least(1_u64)(wrong), Err(reason.to_owned()), "{wrong:?}");
        }
    }

    #[test]
    fn a_number_out_of_range_is_refused_with_the_range() {
        let words = "greater than 0 and at most 1";
        let share = number((Bound::Excluded(0.0), Bound::Included(1.0)), words);
        assert_eq!(share("1"), Ok(1.0));
        assert_eq!(share("1e-300"), Ok(1e-300));
        for wrong in ["0", "-0.0", "1.1", "-1", "NaN", "inf", "x", ""] {
            let reason = "it must be a number greater than 0 and at most 1";
            assert_eq!(share(wrong), Err(reason.to_owned()), "{wrong:?}");
        }
    }
}
