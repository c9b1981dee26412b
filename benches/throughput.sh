#!/usr/bin/env bash
# How many megabytes of articles a second one core classifies, without a server.
#
#     benches/throughput.sh [--limit ARTICLES] [FILE...]
#
# Without FILE: the articles of ../shared/data/senate-press and newsroom, each by itself. Where
# ../shared/peers and a Python with scikit-learn are (PEER_PYTHON, by default
# target/ci/peer/bin/python, which the gate makes), the same work by scikit-learn, on the same core
# in the same run: it trains on newsroom first. The same by fastText where it is (Debian: fasttext):
# its predict, on newsroom's test set in the form it reads, with the time of an empty input taken
# off, which is that of reading its model.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --locked --quiet -p slugline-tools --bin throughput
program=${CARGO_TARGET_DIR:-target}/release/throughput
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

if ! command -v fasttext >/dev/null; then
    echo "fastText: skipped: there is no fasttext (Debian's package fasttext)"
elif [[ ! -f ../shared/peers/fasttext_format.py ]]; then
    echo "fastText: skipped: there is no ../shared/peers/fasttext_format.py"
else
    work=$(mktemp -d "${CARGO_TARGET_DIR:-target}/fasttext.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    for split in train test; do
        python3 ../shared/peers/fasttext_format.py "$data/newsroom" "$split" >"$work/$split.txt"
    done
    # What it predicts for is the text alone.
    sed -E 's/^(__label__[^ ]+ )+//' "$work/test.txt" >"$work/text.txt"
    : >"$work/empty.txt"
    # Five rounds over the text are what it is timed on. Two passes of training: predict takes as
    # long after any number.
    for _ in 1 2 3 4 5; do cat "$work/text.txt"; done >"$work/texts.txt"
    fasttext supervised -input "$work/train.txt" -output "$work/model" -lr 0.5 -epoch 2 \
        -wordNgrams 2 -thread 2 -verbose 0 >/dev/null
    echo -n "fastText, newsroom (test): "
    taskset -c 0 python3 - "$work" <<'PYTHON'
import json, os, subprocess, sys, time

work = sys.argv[1]


def seconds(file):
    started = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        command = ["fasttext", "predict", f"{work}/model.bin", f"{work}/{file}"]
        subprocess.run(command, check=True, stdout=nowhere)
    return time.perf_counter() - started


size = os.path.getsize(f"{work}/texts.txt")
reading, whole = (min(seconds(file) for _ in range(3)) for file in ("empty.txt", "texts.txt"))
print(json.dumps({
    "megabytes_per_second": round(size / (whole - reading) / 1e6, 1),
    "reading_the_model_s": round(reading, 2),
}))
PYTHON
    echo -n "slugline, newsroom (test): "
    taskset -c 0 "$program" "$@" "$data/newsroom/test.jsonl.zst"
fi
