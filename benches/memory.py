"""Whether the server's memory stays flat over many calls: called by benches/memory.sh."""

import argparse
import json
import pathlib
import sys
import tempfile

import serving


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--articles", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--limit-mib", type=float, default=5)
    args = parser.parse_args()
    programs = args.programs.resolve()
    by_file = serving.documents(args.articles)
    chosen = serving.mix(by_file, 2_000)
    step = args.calls // 10
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / "bodies").write_bytes(
            b"".join(serving.frame(serving.field(1, serving.article(d))) for d in chosen)
        )
        command = [
            programs / "slugline",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--archive",
            "none",
            "--log",
            "warn",
        ]
        server = serving.Server(command, directory)
        try:
            resident = [server.resident_mib()]
            print(f"at rest: {resident[0]:.1f} MiB", flush=True)
            for number in range(1, 11):
                done = serving.calls(programs, server, directory / "bodies", step, 0)
                resident.append(server.resident_mib())
                print(
                    f"after {number * step:,} calls: {resident[-1]:.1f} MiB, "
                    f"{done['calls_per_second']:,} calls/s",
                    flush=True,
                )
        finally:
            server.stop()
    # The first tenth fills what is kept for each connection and each thread.
    growth = max(resident[2:]) - resident[1]
    print(
        json.dumps(
            {
                "calls": 10 * step,
                "rest_mib": round(resident[0], 1),
                "after_first_tenth_mib": round(resident[1], 1),
                "after_mib": round(resident[-1], 1),
                "growth_mib": round(growth, 1),
            }
        )
    )
    if growth > args.limit_mib:
        sys.exit(f"memory grew by {growth:.1f} MiB, more than {args.limit_mib}")


if __name__ == "__main__":
    main()
