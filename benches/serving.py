"""Drives the empty handler and slugline with the same load, in turns: called by benches/serving.sh.

A round: for each of the two servers as many h2load processes as there are articles in the round,
all at once, each of which sends its article over one connection, a fixed number of times; the two
servers thus do the same work. Each round takes other articles. What is counted is calls over the
time from the first call's start to the last call's end, and the times of all calls. Then, of
slugline alone: calls at half of that rate (the load generator, beside the empty handler), unary
calls beside batches, the time from exec to SERVING, and memory at rest and after the load.
"""

import argparse
import concurrent.futures
import json
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PROCESSES = 8
STREAMS = 8
CALLS = 6_000
# What runs a program before all others (--realtime); nothing where that is not asked for.
REALTIME = []
PATH = "/slugline.v1.ClassificationService/Classify"
BATCH_PATH = "/slugline.v1.ClassificationService/BatchClassify"


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, payload):
    """A length-delimited field of a protobuf message."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def frame(message):
    """A message as gRPC sends it: not compressed, its length, itself."""
    return b"\0" + struct.pack(">I", len(message)) + message


def article(document):
    return field(1, document.get("title", "").encode()) + field(
        2, document.get("body", "").encode()
    )


def documents(files):
    if not files:
        files = [DATA / "newsroom" / "test.jsonl.zst", DATA / "senate-press" / "train.jsonl.zst"]
        files = [file for file in files if file.exists()] or [ROOT / "examples" / "articles.jsonl"]
    by_file = []
    for file in files:
        raw = subprocess.run(["zstd", "-dcf", file], capture_output=True, check=True).stdout
        by_file.append(
            [
                json.loads(line)
                for line in raw.split(b"\n", 20_000)[:20_000]
                if line.startswith(b"{")
            ]
        )
    return by_file


def choose(by_file, count, mean_bytes, seed):
    """As many articles from each file in turns as give a mix of this mean length, or as near as
    the files allow."""
    generator = random.Random(seed)
    size = lambda document: (
        len(document.get("title", "").encode()) + len(document.get("body", "").encode())
    )
    candidates = [
        [generator.choice(by_file[i % len(by_file)]) for i in range(count)] for _ in range(300)
    ]
    return min(candidates, key=lambda chosen: abs(sum(map(size, chosen)) / count - mean_bytes))


def mix(by_file, count, seed=5):
    """Articles from each file in turns, as they come: a stream of calls with a long one now and then.
    Those that exceed HTTP/2's initial window are left out: the load generator does not wait."""
    generator = random.Random(seed)
    drawn = [generator.choice(by_file[i % len(by_file)]) for i in range(count)]
    return [document for document in drawn if len(article(document)) < 65_000]


class Server:
    def __init__(self, command, directory):
        self.started = time.perf_counter()
        self.log = open(directory / "server.log", "ab")
        self.process = subprocess.Popen(
            REALTIME + command, cwd=directory, stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.stop()
            sys.exit(f"{command[0]} did not start: see its error output")
        self.address = line.removeprefix("listening on ").strip()

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()


def load(server, bodies, directory, calls, extra=(), path=PATH):
    """Runs one h2load a body. Returns (seconds from the first start to the last end, the times of
    all calls in microseconds)."""
    running = []
    for number, body in enumerate(bodies):
        (directory / f"body-{number}").write_bytes(body)
        log = directory / f"log-{number}"
        log.unlink(missing_ok=True)
        command = REALTIME + [
            "h2load",
            "-n",
            str(calls),
            "-c",
            "1",
            "-m",
            str(STREAMS),
            "-t",
            "1",
            "-d",
            directory / f"body-{number}",
            "-H",
            "content-type: application/grpc",
            "-H",
            "te: trailers",
            "--log-file",
            log,
            *extra,
            f"http://{server.address}{path}",
        ]
        running.append(
            (
                subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                ),
                log,
            )
        )
    first, last, times = float("inf"), 0, []
    for process, log in running:
        out, errors = process.communicate(timeout=600)
        if process.returncode != 0 or f"{calls} succeeded" not in out:
            sys.exit(f"h2load failed: {errors}\n{out}")
        # An error of gRPC has status 200, too, but no message.
        traffic = next(line for line in out.splitlines() if line.startswith("traffic:"))
        if int(traffic.split("(")[-1].split(")")[0]) < 200 * calls:
            sys.exit(f"{server.process.args[0]} does not answer with classifications: {traffic}")
        for line in log.read_text().splitlines():
            start, status, took = line.split("\t")[:3]
            assert status == "200", line
            first, last = min(first, int(start)), max(last, int(start) + int(took))
            times.append(int(took))
    return (last - first) / 1e6, times


def calls(programs, server, bodies, count, rate):
    """Runs the load generator: `rate` calls a second, evenly; 0 for as many as there can be.
    Returns what it prints."""
    command = REALTIME + [
        programs / "load",
        server.address,
        bodies,
        str(count),
        str(rate),
        str(PROCESSES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3_600)
    if done.returncode != 0:
        sys.exit(f"load failed: {done.stderr}")
    return json.loads(done.stdout)


def percentile(times, percent):
    return sorted(times)[min(len(times) - 1, len(times) * percent // 100)]


def serving_milliseconds(program, directory):
    """From exec until the log says that the models are loaded."""
    times = []
    for number in range(9):
        log = directory / f"start-{number}.log"
        started = time.perf_counter()
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [program, "serve", "--listen", "127.0.0.1:0", "--archive", directory / "none"],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=directory,
            )
        while b" serving" not in log.read_bytes() and time.perf_counter() - started < 10:
            time.sleep(0.0005)
        times.append((time.perf_counter() - started) * 1e3)
        process.terminate()
        process.wait(timeout=30)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--articles", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=CALLS, help="calls of an article in a round")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="servers and load before all other programs; needs root",
    )
    args = parser.parse_args()
    if args.realtime:
        REALTIME.extend(["chrt", "-f", "5"])
    programs = args.programs.resolve()
    by_file = documents(args.articles)
    say = (lambda text: print(text, file=sys.stderr)) if args.json else print

    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        result = {"serving_ms": round(serving_milliseconds(programs / "slugline", directory), 1)}
        say(f"exec to SERVING: {result['serving_ms']} ms (median of 9)")
        empty = Server([programs / "empty_handler", "127.0.0.1:0"], directory)
        try:
            slugline = Server(
                [
                    programs / "slugline",
                    "serve",
                    "--listen",
                    "127.0.0.1:0",
                    "--archive",
                    "none",
                    "--log",
                    "warn",
                ],
                directory,
            )
            try:
                measure(empty, slugline, by_file, args, directory, result, say)
            finally:
                slugline.stop()
        finally:
            empty.stop()
    if args.json:
        print(json.dumps(result))


def measure(empty, slugline, by_file, args, directory, result, say):
    rates, times, sizes = {empty: [], slugline: []}, {empty: [], slugline: []}, []
    time.sleep(1)
    result["memory_at_rest_mib"] = round(slugline.resident_mib(), 1)
    for number in range(args.rounds + 1):
        chosen = choose(by_file, PROCESSES, 2_500, seed=number)
        bodies = [frame(field(1, article(document))) for document in chosen]
        is_warm_up = number == 0
        for server in (empty, slugline):
            seconds, taken = load(
                server, bodies, directory, args.calls // 4 if is_warm_up else args.calls
            )
            if not is_warm_up:
                rates[server].append(len(taken) / seconds)
                times[server] += taken
        if not is_warm_up:
            sizes += [len(body) for body in bodies]
            say(
                f"round {number}: empty {rates[empty][-1]:,.0f}/s, slugline "
                f"{rates[slugline][-1]:,.0f}/s, "
                f"ratio {rates[slugline][-1] / rates[empty][-1]:.3f}"
            )
    result["mean_bytes"] = round(statistics.mean(sizes))
    result["empty_calls_per_second"] = round(statistics.median(rates[empty]))
    result["calls_per_second"] = round(statistics.median(rates[slugline]))
    result["ratio"] = round(
        statistics.median(b / a for a, b in zip(rates[empty], rates[slugline])), 3
    )
    for key, server in (("empty", empty), ("slugline", slugline)):
        result[f"{key}_p50_us"], result[f"{key}_p99_us"] = (
            percentile(times[server], 50),
            percentile(times[server], 99),
        )
    say(
        f"requests of {result['mean_bytes']} bytes on the mean: {result['calls_per_second']:,} of "
        f"{result['empty_calls_per_second']:,} calls/s, ratio {result['ratio']} (median of the "
        f"rounds)"
    )
    say(
        f"under full load: p50 {result['slugline_p50_us']} us, p99 {result['slugline_p99_us']} us; "
        f"empty {result['empty_p50_us']} and {result['empty_p99_us']}"
    )

    # Half of the load, evenly in time: what callers see who do not push. The empty handler at the
    # same rate, in turns, shows how much of it is the machine's; times are from when a call was
    # due, so that nothing late is left out.
    rate = result["calls_per_second"] // 2
    paced = b"".join(frame(field(1, article(document))) for document in mix(by_file, 4_000))
    (directory / "paced").write_bytes(paced)
    half = {"empty": [], "slugline": []}
    for _ in range(5):
        for key, server in (("empty", empty), ("slugline", slugline)):
            half[key].append(
                calls(args.programs.resolve(), server, directory / "paced", rate * 2, rate)
            )
    # A round in which another program took the cores says nothing of ours: the median of the rounds
    # counts.
    for key, prefix in (("slugline", ""), ("empty", "empty_")):
        for percent in ("p50", "p99"):
            result[f"{prefix}half_load_{percent}_us"] = statistics.median(
                one["from_due"][f"{percent}_us"] for one in half[key]
            )
        ratios = [
            one["from_due"]["p99_us"] / max(1, one["from_due"]["p50_us"]) for one in half[key]
        ]
        result[f"{prefix}half_load_p99_over_p50"] = round(statistics.median(ratios), 1)
    result["generator_cores"] = statistics.median(
        one["generator_cores"] for one in half["slugline"]
    )
    say(
        f"at {rate:,} calls a second: p50 {result['half_load_p50_us']} us, p99 "
        f"{result['half_load_p99_us']} us, "
        f"{result['half_load_p99_over_p50']} times; empty {result['empty_half_load_p50_us']} and "
        f"{result['empty_half_load_p99_us']} us, {result['empty_half_load_p99_over_p50']} times; "
        f"the generator takes {result['generator_cores']} of a core"
    )

    # Few unary calls alone, and beside clients that send batches of 256 articles without a pause.
    unary = ["--rps", "250"]
    _, alone = load(slugline, bodies[:2], directory, 1_000, unary)
    batch = frame(
        b"".join(field(1, article(document)) for document in choose(by_file, 256, 2_500, seed=99))
    )
    (directory / "batch").mkdir(exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        batches = threads.submit(
            load, slugline, [batch], directory / "batch", 100, ["-m", "2"], BATCH_PATH
        )
        beside = []
        while not batches.done() and len(beside) < 20_000:
            beside += load(slugline, bodies[:2], directory, 250, unary)[1]
        batches.result()
    result["unary_alone_p99_us"], result["unary_beside_batches_p99_us"] = (
        percentile(alone, 99),
        percentile(beside, 99),
    )
    say(
        f"500 unary calls a second: p99 {result['unary_alone_p99_us']} us alone, "
        f"{result['unary_beside_batches_p99_us']} us beside batches"
    )

    result["memory_after_load_mib"] = round(slugline.resident_mib(), 1)
    say(
        f"memory: {result['memory_at_rest_mib']} MiB at rest, {result['memory_after_load_mib']} "
        f"MiB after the load"
    )


if __name__ == "__main__":
    main()
