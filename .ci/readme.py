"""Runs the commands of README.md, and compares their output where README.md shows it.

    readme.py [README]

The convention, by the info string of a fenced block:

- `sh`, the first: the server's command. Started at the root of the repository, in the background,
  until it is SERVING.
- `sh`, the others: run in order in one session of bash that ends at the first failure, in a copy
  of the tracked files, so that what commands write leaves no trace. `cargo test` alone is skipped:
  the gate runs it for itself.
- `text` and `json`: never run. Where such a block follows an `sh` block with nothing but empty
  lines between, it is what the commands before it print: `json` equal as JSON, `text` equal line
  by line, where a line `...` stands for any number of lines.
- any other (toml, proto, ...): for reading. Shell under another name (bash, console, none) is an
  error: it would go untested.

slugline and grpcurl are taken from target/release and target/interop/bin.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SHELL_BY_ANOTHER_NAME = {"", "bash", "shell", "console", "zsh", "shellsession"}
OUTPUT = {"text", "json"}
SERVER_SECONDS = 1800  # it may have to be built
STOP_SECONDS = 30
SESSION_SECONDS = 900
root = pathlib.Path(__file__).resolve().parent.parent


class Failure(Exception):
    """A command of the README does not do what the README says."""


@dataclasses.dataclass
class Block:
    info: str
    line: int
    text: str
    follows: bool  # the block before it, with nothing but empty lines between


def blocks_of(markdown):
    blocks, block, between = [], None, True
    for number, line in enumerate(markdown.splitlines(), 1):
        if block is None and line.startswith("```"):
            block = Block(line[3:].strip(), number, "", follows=bool(blocks) and not between)
            between = False
        elif block is not None and line.rstrip() == "```":
            blocks.append(block)
            block = None
        elif block is not None:
            block.text += line + "\n"
        elif line.strip():
            between = True
            if line.lstrip().startswith("```"):
                raise Failure(f"line {number}: a block that is indented would not be run")
    if block is not None:
        raise Failure(f"line {block.line}: the block has no end")
    for block in blocks:
        if block.info in SHELL_BY_ANOTHER_NAME:
            raise Failure(
                f"line {block.line}: a block with the info string {block.info!r}: commands are "
                f"marked `sh`, output `text`"
            )
    return blocks


def environment():
    """What the commands run in: our programs first on the PATH, none of the caller's settings, no
    proxy before the loopback."""
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SLUGLINE_") and name.lower() not in proxies
    }
    programs = [root / "target/release", root / "target/interop/bin"]
    kept["PATH"] = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    kept["CARGO_TARGET_DIR"] = str(root / "target")
    return kept


class Server:
    """The README's first command."""

    def __init__(self, command, log):
        default = ("127.0.0.1", 50051)
        with socket.socket() as probe:
            if probe.connect_ex(default) == 0:
                raise Failure(
                    f"something answers on {default[0]}:{default[1]} already: the commands would "
                    f"talk to it"
                )
        self.log = log
        # A session of its own: what cargo starts is ended with it. Proxies stay: cargo may need
        # them.
        with open(log / "server.out", "wb") as out, open(log / "server.err", "wb") as err:
            self.process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                env={
                    # A new archive each time, so that what it answers does not depend on the run
                    # before.
                    **{
                        name: value
                        for name, value in os.environ.items()
                        if not name.startswith("SLUGLINE_")
                    },
                    "SLUGLINE_ARCHIVE": str(log / "archive"),
                },
            )

    def wait_until_serving(self):
        deadline, address = time.monotonic() + SERVER_SECONDS, None
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure(
                    f"the server ended with {self.process.returncode}: "
                    f"{tail(self.log / 'server.err')}"
                )
            if found := re.search(
                r"^listening on (\S+)$", (self.log / "server.out").read_text(), re.MULTILINE
            ):
                address = found[1]
                health = subprocess.run(
                    [
                        "grpcurl",
                        "-plaintext",
                        "-max-time",
                        "5",
                        "-d",
                        "{}",
                        address,
                        "grpc.health.v1.Health/Check",
                    ],
                    capture_output=True,
                    text=True,
                    env=environment(),
                    check=False,
                )
                if '"SERVING"' in health.stdout:
                    return address
            time.sleep(0.2)
        raise Failure(
            f"the server {'does not listen' if address is None else 'is not SERVING'} after "
            f"{SERVER_SECONDS} s"
        )

    def stop(self):
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure(f"the server still runs {STOP_SECONDS} s after SIGTERM") from None
        if code != 0:
            raise Failure(
                f"the server ended with {code} after SIGTERM: {tail(self.log / 'server.err')}"
            )

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


def copy_tracked_files(target):
    names = (
        subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
        .stdout.decode()
        .split("\0")
    )
    for name in filter(None, names):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)


def run_session(blocks, work):
    """Runs the blocks in one bash, each one's output into files of its own; returns the outputs."""
    copy = work / "repository"
    copy.mkdir()
    copy_tracked_files(copy)
    lines = ["set -euo pipefail"]
    for number, block in enumerate(blocks):
        (work / f"{number}.sh").write_text(block.text)
        lines.append(
            f"echo {number} >'{work}/current'; . '{work}/{number}.sh' >'{work}/{number}.out' "
            f"2>'{work}/{number}.err'"
        )
    lines.append(f"echo done >'{work}/current'")
    try:
        code = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=copy,
            env=environment(),
            stdin=subprocess.DEVNULL,
            timeout=SESSION_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        code = f"no end within {SESSION_SECONDS} s"
    current = (work / "current").read_text().strip()
    if current != "done":
        block = blocks[int(current)]
        said = tail(work / f"{current}.err") or tail(work / f"{current}.out")
        raise Failure(f"line {block.line}: the block ended with {code}: {said}\n{block.text}")
    return [(work / f"{number}.out").read_text() for number in range(len(blocks))]


def tail(path, lines=30):
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def matches(shown, printed):
    """Whether the printed lines are the shown ones, where a shown `...` stands for any number of
    lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "..." else re.escape(line.rstrip()) + r"\n"
        for line in shown.splitlines()
    )
    return (
        re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in printed.splitlines()))
        is not None
    )


def compare(block, printed):
    if block.info == "json":
        try:
            same = json.loads(block.text) == json.loads(printed)
        except ValueError as error:
            raise Failure(
                f"line {block.line}: not JSON: {error}; printed was:\n{printed}"
            ) from None
    else:
        same = matches(block.text, printed)
    if not same:
        raise Failure(
            f"line {block.line}: the block shows what is not printed; printed was:\n{printed}"
        )


def check(readme):
    blocks = blocks_of(readme.read_text(encoding="utf-8"))
    commands = [block for block in blocks if block.info == "sh"]
    if not commands or " serve" not in commands[0].text or len(commands[0].text.splitlines()) != 1:
        raise Failure("the first `sh` block is not the server's command alone")
    session = []
    for block in commands[1:]:
        if block.text.split() == ["cargo", "test"]:
            print(f"skip line {block.line}: cargo test: the gate runs it for itself")
        else:
            session.append(block)
    for program in ("slugline", "grpcurl"):
        if shutil.which(program, path=environment()["PATH"]) is None:
            raise Failure(
                f"no {program}: build with cargo build --release, and run "
                f"tests/interop/install-tools.sh"
            )
    with tempfile.TemporaryDirectory(prefix="slugline-readme-") as work:
        work = pathlib.Path(work)
        server = Server(commands[0].text.strip(), work)
        try:
            print(
                f"ok   line {commands[0].line}: the server is SERVING on "
                f"{server.wait_until_serving()}"
            )
            outputs = run_session(session, work)
            server.stop()
        finally:
            server.kill()
    for block, output in zip(session, outputs):
        shown = next(
            (
                b
                for b in blocks
                if b.follows and b.info in OUTPUT and blocks[blocks.index(b) - 1] is block
            ),
            None,
        )
        if shown is not None:
            compare(shown, output)
        print(
            f"ok   line {block.line}: "
            f"{block.text.strip().splitlines()[0][:90]}{', printed as shown' if shown else ''}"
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("readme", nargs="?", type=pathlib.Path, default=root / "README.md")
    readme = parser.parse_args().readme
    try:
        check(readme)
    except Failure as failure:
        print(f"FAIL {readme.name}: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
