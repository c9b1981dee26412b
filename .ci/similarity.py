"""Holds the search for similar articles against its floors, on the sets where they lie.

    similarity.py --slugline PROGRAM --data FOLDER

FOLDER holds uci-news-aggregator and 20ng, each with train.jsonl.zst and test.jsonl.zst. Every
floor prints a line; exit code 1 if one of them does not hold.
"""

import argparse
import json
import pathlib
import subprocess
import sys

COMMAND_SECONDS = 1200
# (set, what is relevant, queries or None for all, least R-precision@10). The queries are drawn with
# a fixed seed.
FLOORS = (("uci-news-aggregator", "story", None, 0.515), ("20ng", "topics", 1500, 0.805))
# Of the first ten places, how many are those that comparing with every article finds.
MIN_EQUAL_PLACES = 0.99


def evaluate(slugline, folder, relevant, queries):
    command = [
        slugline,
        "evaluate-similar",
        "--json",
        "--compare",
        "--relevant",
        relevant,
    ]
    if queries is not None:
        command += ["--queries", str(queries)]
    command += ["--input"]
    command += [folder / "train.jsonl.zst", folder / "test.jsonl.zst"]
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(
            f"{' '.join(map(str, command))} ended with {done.returncode}: "
            f"{done.stderr.strip()[-2000:]}"
        )
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slugline", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    passed = True
    for name, relevant, queries, floor in FLOORS:
        folder = arguments.data / name
        if not folder.is_dir():
            print(f"skip {name}: there is no {folder}")
            continue
        report = evaluate(arguments.slugline, folder, relevant, queries)
        for what, value, least in (
            ("R-precision@10", report["r_precision_at_10"], floor),
            ("equal places", report["equal_places"], MIN_EQUAL_PLACES),
        ):
            passed &= value >= least
            print(
                f"{'ok  ' if value >= least else 'FAIL'} {name}: {what} {value:.4f}, at least "
                f"{least} ({report['queries']:,} queries)"
            )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
