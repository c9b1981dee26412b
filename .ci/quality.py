"""Trains the default model again, measures it and its training on the newsroom set, trains on the
other sets beside that, and holds the numbers against their limits.

    quality.py --slugline PROGRAM --data FOLDER [--peer SCRIPT --peer-python PROGRAM
        [--throughput PROGRAM]] [GATE...]

FOLDER holds train.jsonl.zst and test.jsonl.zst, and beside it are the folders of other sets; those
that are not there are skipped. The peer is the same training with scikit-learn, and its
predictions, measured beside ours in the same run; without it the gates "speed" and "throughput"
are skipped, and the output says so. The throughput program is the tool of that name, which
classifies on one core. GATE is any of those that --help lists; all by default. Every gate prints a
line; exit code 1 if one of them failed.
"""

import argparse
import dataclasses
import filecmp
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

MAX_BYTES_TO_SERVE = 4_000_000
# What `evaluate` has to say of the default model, and of models trained with no option but the
# labels: (least, greatest).
LIMITS = {
    "newsroom": {
        "accuracy": (0.80, 1),
        "macro_f1": (0.72, 1),
        "ece": (0, 0.015),
        "confident precision": (0.94, 0.96),
    },
    "20ng": {"accuracy": (0.865, 1), "ece": (0, 0.02)},
    "reuters21578": {"micro_f1": (0.875, 1), "macro_f1": (0.55, 1)},
}
MULTI_LABEL = {"reuters21578"}
# The search for a recipe, over one fixed recipe.
MAX_SEARCH_RATIO = 4.0
# They are measured in turns so many times.
SEARCH_ROUNDS = 3
MAX_TRAINING_MEMORY_MIB = 300
# Our whole command with one fixed recipe (which is what the peer fits), with reading,
# cross-validation and writing, over the peer's vectorise + fit alone.
MAX_TIME_RATIO = 0.29
# The same with the search for a recipe.
MAX_SEARCHED_TIME_RATIO = 1.0
# How many megabytes a second our classification gets through, over the peer's. The best of so many
# runs, for others may use the machine.
MIN_THROUGHPUT_RATIO = 20
THROUGHPUT_ROUNDS = 3

SERVED_FILES = ("manifest.json", "model.safetensors")
COMMAND_SECONDS = 1200
root = pathlib.Path(__file__).resolve().parent.parent


class Broken(Exception):
    """A gate could not be measured; the text says why."""


@dataclasses.dataclass
class Measured:
    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


def run(command, one_core=False, environment=None):
    """Runs a command and measures it; one_core ties it to the first core that this process may
    use."""
    if one_core:
        command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command]
    command = [str(word) for word in command]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            ["timeout", str(COMMAND_SECONDS), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, **(environment or {})},
        )
        # The usage of this child and its own children, and not of those before it.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise Broken(
                f"{' '.join(command)} ended with {process.returncode}: "
                f"{errors.read().strip()[-2000:]}"
            )
        return Measured(
            seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.read()
        )


class Gates:
    def __init__(self, arguments, work):
        self.arguments = arguments
        self.work = work
        self.trained_on_one_core = None
        # Trainings with a fixed recipe on one core.
        self.fixed = []
        self.peer_measured = None
        self.passed = True

    def report(self, gate, holds, text):
        self.passed &= holds
        print(f"{'ok  ' if holds else 'FAIL'} {gate}: {text}", flush=True)

    def train(self, folder, threads, one_core=False):
        """Trains the default model by its own script into work/folder/news/2."""
        output = self.work / folder / "news" / "2"
        command = [
            root / "tools/train-default-model",
            self.arguments.data / "train.jsonl.zst",
            output,
            "--threads",
            threads,
        ]
        measured = run(command, one_core, {"SLUGLINE": str(self.arguments.slugline.resolve())})
        return output, measured

    def same_as_default(self, gate, output, how):
        for name in SERVED_FILES:
            same = filecmp.cmp(output / name, self.arguments.model / name, shallow=False)
            self.report(
                gate,
                same,
                f"{name}, trained again with {how}, {'equals' if same else 'DIFFERS from'} the "
                f"default model's",
            )

    def one_core_training(self):
        """One training on one core, for the gates that look at it."""
        if self.trained_on_one_core is None:
            output, self.trained_on_one_core = self.train("one-core", 1, one_core=True)
            self.same_as_default("reproducible", output, "1 thread")
        return self.trained_on_one_core

    def train_fixed(self):
        """Trains with a fixed recipe on one core."""
        command = [
            self.arguments.slugline,
            "train",
            "--input",
            self.arguments.data / "train.jsonl.zst",
            "--threads",
            1,
            "--recipe",
            "complement",
            "--output",
            self.work / "fixed/news/2",
        ]
        self.fixed.append(run(command, one_core=True))
        return self.fixed[-1]

    def one_core_fixed(self):
        """One training with a fixed recipe on one core."""
        return self.fixed[0] if self.fixed else self.train_fixed()

    def peer(self):
        """The peer's training and predictions, on one core; None where there is no peer."""
        if self.arguments.peer is not None and self.peer_measured is None:
            # No threads that would fight for the core.
            one_thread = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
            command = [self.arguments.peer_python, self.arguments.peer, "fit", self.arguments.data]
            self.peer_measured = run(command, one_core=True, environment=one_thread)
        return self.peer_measured

    def reproducible(self):
        output, _ = self.train("two-threads", 2)
        self.same_as_default("reproducible", output, "2 threads")

    def size(self):
        size = sum((self.arguments.model / name).stat().st_size for name in SERVED_FILES)
        self.report(
            "size",
            size <= MAX_BYTES_TO_SERVE,
            f"{size:,} bytes to serve, at most {MAX_BYTES_TO_SERVE:,}",
        )

    def measured(self, model, name, test):
        """Holds what evaluate says of a model against the limits of a set."""
        command = [self.arguments.slugline, "evaluate", "--json", "--model", model, "--input", test]
        report = json.loads(run(command).output)
        confident = report["confident"]
        report["confident precision"] = confident["right"] / max(confident["documents"], 1)
        for measure, (least, greatest) in LIMITS[name].items():
            value = report[measure]
            self.report(
                "accuracy",
                least <= value <= greatest,
                f"{name}: {measure} {value:.4f}, in [{least}, {greatest}]",
            )
        share = confident["documents"] / report["documents"]
        print(f"ok   accuracy: {name}: {share:.3f} of the answers are confident", flush=True)

    def accuracy(self):
        self.measured(self.arguments.model, "newsroom", self.arguments.data / "test.jsonl.zst")
        for name in LIMITS:
            folder = self.arguments.data.parent / name
            if name == "newsroom":
                continue
            if not folder.is_dir():
                print(f"skip accuracy: there is no {name}", flush=True)
                continue
            model = self.work / name / "1"
            labels = ["--multi-label"] if name in MULTI_LABEL else []
            run(
                [
                    self.arguments.slugline,
                    "train",
                    "--input",
                    folder / "train.jsonl.zst",
                    "--output",
                    model,
                    *labels,
                ]
            )
            self.measured(model, name, folder / "test.jsonl.zst")

    def search(self):
        rounds = [(self.one_core_training(), self.one_core_fixed())]
        while len(rounds) < SEARCH_ROUNDS:
            rounds.append((self.train("one-core", 1, one_core=True)[1], self.train_fixed()))
        ratio = statistics.median(ours.seconds / fixed.seconds for ours, fixed in rounds)
        seconds = ", ".join(f"{ours.seconds:.2f} and {fixed.seconds:.2f}" for ours, fixed in rounds)
        of_processor = statistics.median(
            ours.cpu_seconds / fixed.cpu_seconds for ours, fixed in rounds
        )
        self.report(
            "search",
            ratio <= MAX_SEARCH_RATIO,
            f"seconds on one core with the search for a recipe and with a fixed one: {seconds}; "
            f"the median ratio is {ratio:.2f}, "
            f"at most {MAX_SEARCH_RATIO} (of processor seconds {of_processor:.2f})",
        )

    def memory(self):
        peak = self.one_core_training().peak_mib
        self.report(
            "memory",
            peak < MAX_TRAINING_MEMORY_MIB,
            f"training peaks at {peak:.0f} MiB, below {MAX_TRAINING_MEMORY_MIB}",
        )

    def speed(self):
        peer = self.peer()
        if peer is None:
            print("skip speed: there is no peer to measure beside (--peer)", flush=True)
            return
        self.one_core_fixed()
        training = min(self.fixed, key=lambda measured: measured.seconds)
        ours, theirs = training.seconds, json.loads(peer.output)["fit_seconds"]
        self.report(
            "speed",
            ours < theirs * MAX_TIME_RATIO,
            f"training with a fixed recipe takes {ours:.2f} s on one core (the least of "
            f"{len(self.fixed)}), scikit-learn's vectorise and "
            f"fit {theirs:.2f} s: ratio {ours / theirs:.3f}, below {MAX_TIME_RATIO} (processor "
            f"seconds {training.cpu_seconds:.2f}; "
            f"the peer's whole run {peer.cpu_seconds:.2f}, and {peer.peak_mib:.0f} MiB)",
        )
        ours = self.one_core_training().seconds
        self.report(
            "speed",
            ours <= theirs * MAX_SEARCHED_TIME_RATIO,
            f"training with the search takes {ours:.2f} s: ratio {ours / theirs:.2f}, at most "
            f"{MAX_SEARCHED_TIME_RATIO}",
        )

    def throughput(self):
        peer = self.peer()
        if peer is None or self.arguments.throughput is None:
            print(
                "skip throughput: there is no peer to measure beside (--peer), or no program "
                "(--throughput)",
                flush=True,
            )
            return
        theirs = json.loads(peer.output)["megabytes_per_second"]
        command = [self.arguments.throughput, self.arguments.data / "test.jsonl.zst"]
        rounds = [
            json.loads(run(command, one_core=True).output)["megabytes_per_second"]
            for _ in range(THROUGHPUT_ROUNDS)
        ]
        ratio = max(rounds) / theirs
        self.report(
            "throughput",
            ratio >= MIN_THROUGHPUT_RATIO,
            f"classification gets through {', '.join(f'{ours:.0f}' for ours in rounds)} MB/s on "
            f"one core, scikit-learn's through "
            f"{theirs:.2f}: at the best {ratio:.0f} times, at least {MIN_THROUGHPUT_RATIO}",
        )


GATES = {
    gate.__name__: gate
    for gate in (
        Gates.reproducible,
        Gates.size,
        Gates.accuracy,
        Gates.memory,
        Gates.search,
        Gates.speed,
        Gates.throughput,
    )
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slugline", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument(
        "--model",
        type=pathlib.Path,
        default=root / "models/news/2",
        help="the default model's directory",
    )
    parser.add_argument("--peer", type=pathlib.Path)
    parser.add_argument("--peer-python", type=pathlib.Path, default=pathlib.Path(sys.executable))
    parser.add_argument("--throughput", type=pathlib.Path)
    parser.add_argument("gates", nargs="*", metavar="GATE", help=", ".join(GATES))
    arguments = parser.parse_args()
    unknown = [gate for gate in arguments.gates if gate not in GATES]
    if unknown:
        parser.error(f"no such gate: {', '.join(unknown)}; there are {', '.join(GATES)}")
    with tempfile.TemporaryDirectory(prefix="slugline-quality-") as work:
        gates = Gates(arguments, pathlib.Path(work))
        for name in arguments.gates or GATES:
            try:
                GATES[name](gates)
            except (Broken, OSError, ValueError, KeyError) as error:
                gates.report(name, False, f"could not be measured: {type(error).__name__}: {error}")
    return 0 if gates.passed else 1


if __name__ == "__main__":
    sys.exit(main())
