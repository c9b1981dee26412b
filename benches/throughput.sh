#!/usr/bin/env bash
# How many megabytes of articles a second one core classifies, without a server.
#
#     benches/throughput.sh [--limit ARTICLES] [FILE...]
#
# Without FILE: the articles of ../shared/data/senate-press and newsroom, each by itself. Where ../shared/peers and a Python with
# scikit-learn are (PEER_PYTHON, by default target/ci/peer/bin/python, which the gate makes), the same work by scikit-learn, on the same
# core in the same run: it trains on newsroom first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --locked --quiet --example throughput
program=${CARGO_TARGET_DIR:-target}/release/examples/throughput
data=../shared/data
if [[ $# -gt 0 && -f ${!#} ]]; then
    exec taskset -c 0 "$program" "$@"
fi
[[ -d $data ]] || { echo "throughput.sh: there is no $data: name files" >&2; exit 1; }
for set in senate-press newsroom; do
    echo -n "$set: "
    taskset -c 0 "$program" "$@" "$data/$set/train.jsonl.zst"
done
peer=${PEER_PYTHON:-target/ci/peer/bin/python}
if [[ -x $peer ]]; then
    echo -n "scikit-learn, newsroom: "
    OMP_NUM_THREADS=1 taskset -c 0 "$peer" ../shared/peers/sklearn_peer.py fit "$data/newsroom"
else
    echo "scikit-learn: skipped: there is no $peer"
fi
