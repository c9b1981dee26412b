//! Learns from the scores of held-out documents what scores are worth.

mod assignment;
mod beta;
mod confidence;
mod known;
mod measure;
mod scale;

pub(super) use confidence::Limit;
pub(super) use measure::{Calibration, calibrate};
pub(super) use scale::fit_scale;
