#!/usr/bin/env bash
# Whether the server's memory stays flat (within 5 MiB) over ten million calls; some ten minutes.
# Exits with 1 where it does not.
#
#     benches/memory.sh [--calls N] [--articles FILE]...
#
# Needs cargo, Python 3 and zstd. It is no part of the gate.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for program in cargo python3 zstd; do
    command -v "$program" >/dev/null || { echo "memory.sh: needs $program" >&2; exit 1; }
done
cargo build --release --locked --quiet -p slugline -p slugline-tools --bin slugline --bin load
export PYTHONDONTWRITEBYTECODE=1
exec python3 benches/memory.py --programs "${CARGO_TARGET_DIR:-target}/release" "$@"
