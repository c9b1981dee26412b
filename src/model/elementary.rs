//! Exponential and logarithm that vectorise and give the same bits on every machine.
//!
//! The standard library calls the system's functions, whose last bit differs between machines. The
//! crate `libm` gives the same bits, but its tables and branches do not vectorise. These functions
//! are straight-line additions and multiplications, which the compiler turns into vector
//! instructions; Rust never fuses the two operations.

/// `e^x`, to two units in the last place; 0 below -708, and `x` at most 709.
///
/// `x = n ln 2 + r` with a whole `n`; `e^r` by its Taylor series to the 13th power, whose remainder
/// is below 2^-57 for `|r| <= ln 2 / 2`.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    /// Added to a number of moderate size, it leaves the nearest whole number in the last bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts; the first has so few digits that its product with `n` is exact.
    const LN_2: [f64; 2] = [0.693_145_751_953_125, 1.428_606_820_309_417_2e-6];
    const SERIES: [f64; 13] = [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let mut sum = 1.0 / 6_227_020_800.0;
    for coefficient in SERIES {
        sum = sum * r + coefficient;
    }
    // 2^n, whose exponent is in the last bits of `rounded`.
    let power =
        f64::from_bits((rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(1_023)) << 52);
    if x < -708.0 { 0.0 } else { sum * power }
}

/// The natural logarithm of a positive normal number, to two units in the last place or 1e-7,
/// whichever is more.
///
/// The exponent times ln 2, plus a polynomial for the mantissa between sqrt(1/2) and sqrt(2).
/// (Coefficients: Moshier's Cephes library, `logf`.)
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    /// The bits of sqrt(1/2).
    const ROOT_HALF: u32 = 0x3f35_04f3;
    const POLYNOMIAL: [f32; 8] = [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    let shifted = x.to_bits().wrapping_sub(ROOT_HALF);
    let exponent = (shifted as i32 >> 23) as f32;
    let fraction = f32::from_bits((shifted & 0x007f_ffff) + ROOT_HALF) - 1.0;
    let square = fraction * fraction;
    let mut sum = 7.037_684e-2;
    for coefficient in POLYNOMIAL {
        sum = sum * fraction + coefficient;
    }
    sum * fraction * square - 2.121_944_4e-4 * exponent - 0.5 * square
        + fraction
        + 0.693_359_4 * exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_libms_to_the_last_places() {
        for step in -70_800..=7_090 {
            let x = f64::from(step) / 100.0 + 1e-4;
            let expected = libm::exp(x.clamp(-708.0, 709.0));
            let error = (exp(x.clamp(-708.0, 709.0)) / expected - 1.0).abs();
            assert!(error < 5e-16, "{x}: {error:e}");
        }
        assert_eq!(
            [exp(0.0), exp(-708.1), exp(-1e300), exp(f64::NEG_INFINITY)],
            [1.0, 0.0, 0.0, 0.0]
        );
    }

    #[test]
    fn the_logarithm_is_libms_to_seven_digits() {
        let mut x = 1e-30f32;
        while x < 1e30 {
            let expected = libm::log(f64::from(x));
            let error = (f64::from(ln(x)) - expected).abs();
            assert!(error < 1e-7 + 2e-7 * expected.abs(), "{x:e}: {error:e}");
            x *= 1.000_37;
        }
        assert_eq!(ln(1.0), 0.0);
    }
}
