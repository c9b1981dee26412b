//! No bytes make the reader of artefacts panic.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use slugline::model::artifact::parse;

use super::{encoded, manifest, sealed};

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_bytes_make_it_panic(manifest in any::<Vec<u8>>(), weights in any::<Vec<u8>>()) {
        prop_assert!(parse(&manifest, &weights).is_err());
    }

    #[test]
    fn no_weights_of_a_matching_checksum_make_it_panic(weights in any::<Vec<u8>>()) {
        prop_assert!(parse(&sealed(manifest(), &weights), &weights).is_err());
    }

    /// The header of safetensors is a length and JSON: random bytes seldom get past the length.
    #[test]
    fn no_safetensors_header_makes_it_panic(header in any::<String>(), tables in any::<Vec<u8>>()) {
        let weights = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &tables].concat();
        prop_assert!(parse(&sealed(manifest(), &weights), &weights).is_err());
    }

    #[test]
    fn no_change_of_checksummed_weights_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut weights = encoded().weights;
        for (place, byte) in changes {
            let place = place.index(weights.len());
            weights[place] = byte;
        }
        // Some changes make another model, which this test does not care about.
        let _ = parse(&sealed(manifest(), &weights), &weights);
    }
}
