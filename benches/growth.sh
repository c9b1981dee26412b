#!/usr/bin/env bash
# How speed and memory grow with the length of articles, topics, vocabulary and the archive:
# figures, and docs/performance.svg.
#
#     benches/growth.sh [FOLDER [ARTICLES]]
#
# Writes performance.svg and performance-figures.md into FOLDER (target/growth). ARTICLES is the
# size of the largest archive, 1,000,000 where it is not given: that one takes minutes and some
# gigabytes below target/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --locked --quiet -p slugline-tools --bin growth
folder=${1:-${CARGO_TARGET_DIR:-target}/growth}
taskset -c 0 "${CARGO_TARGET_DIR:-target}/release/growth" "$folder" "${@:2}"
echo "$folder/performance.svg"
