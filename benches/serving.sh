#!/usr/bin/env bash
# How many calls a second `slugline serve` answers, beside a server whose handler is empty: what is
# left of gRPC's own speed.
#
#     benches/serving.sh [--json] [--realtime] [--rounds N] [--articles FILE]...
#
# Needs cargo, Python 3, zstd and h2load (Debian: nghttp2-client). The articles are those of
# ../shared/data/newsroom (test) and senate-press where they are, else those of examples/. On a
# machine where other programs run, --realtime (as root) keeps them off the cores, for percentiles
# that say something of the server. See benches/serving.py for what is measured and how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for program in cargo python3 h2load zstd; do
    command -v "$program" >/dev/null && continue
    echo "serving.sh: needs $program (h2load is in Debian's nghttp2-client)" >&2
    exit 1
done
cargo build --release --locked --quiet -p slugline -p slugline-tools \
    --bin slugline --bin empty_handler --bin load
export PYTHONDONTWRITEBYTECODE=1
exec python3 benches/serving.py --programs "${CARGO_TARGET_DIR:-target}/release" "$@"
