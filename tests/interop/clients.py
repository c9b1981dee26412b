"""Does what docs/clients.md says: generates, builds and runs the clients in tests/interop/LANGUAGE.

    clients.py build
    clients.py call HOST:PORT

The convention of the page: under the heading of each language in PROJECTS, `sh` blocks are run, in
order, in a project below target/interop/clients that holds tests/interop/LANGUAGE, proto/ and
examples/service-config.json. Those that say $SLUGLINE call the server; the others generate and build,
and `build` runs them where something has changed. Any other block names a file, and perhaps a region
of it, which it must equal: ```go tests/interop/go/main.go connect. What is marked `untested` is for
reading.
"""
import argparse
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

PROJECTS = {"Go": "go", "Java": "java", "Node": "node", "Python": "python"}
SECONDS = 900
root = pathlib.Path(__file__).resolve().parent.parent.parent
page = root / "docs/clients.md"
work = root / "target/interop"


class Failure(Exception):
    """The page is not true."""


@dataclasses.dataclass
class Block:
    line: int
    section: str
    info: list
    text: str


def blocks_of(markdown):
    blocks, section, block = [], "", None
    for number, line in enumerate(markdown.splitlines(), 1):
        if block is None and line.startswith("```"):
            block = Block(number, section, line[3:].split(), "")
            if not block.info:
                raise Failure(f"line {number}: a block without an info string would not be checked")
        elif block is None:
            if line.lstrip().startswith("```"):
                raise Failure(f"line {number}: a block that is indented would not be checked")
            section = line[3:].strip() if line.startswith("## ") else section
        elif line == "```":
            blocks.append(block)
            block = None
        else:
            block.text += line + "\n"
    if block is not None:
        raise Failure(f"line {block.line}: the block has no end")
    return blocks


def region(text, name):
    """The lines between `region NAME` and `endregion`, without the indent that they share."""
    lines = text.splitlines()
    marks = [line.removesuffix("-->").split() for line in lines]
    starts = [at for at, mark in enumerate(marks) if mark[-2:] == ["region", name]]
    if len(starts) != 1:
        raise Failure(f"{len(starts)} regions {name}")
    end = next(at for at in range(starts[0], len(lines)) if marks[at][-1:] == ["endregion"])
    return textwrap.dedent("\n".join(lines[starts[0] + 1:end])).strip("\n") + "\n"


def is_shown_as_it_is(block):
    """Whether a block that is not run equals what it names."""
    _, path, *names = block.info
    text = (root / path).read_text(encoding="utf-8")
    return block.text == (region(text, *names) if names else text)


def check_page(blocks):
    for block in blocks:
        if block.info[0] == "sh" or block.info[1:] == ["untested"]:
            if block.info[0] == "sh" and block.section not in PROJECTS:
                raise Failure(f"line {block.line}: not run under the heading {block.section!r}")
        elif len(block.info) not in (2, 3):
            raise Failure(f"line {block.line}: {' '.join(block.info)!r} names no file")
        elif not is_shown_as_it_is(block):
            raise Failure(f"line {block.line}: not what {' '.join(block.info[1:])} holds")
        else:
            print(f"ok   line {block.line}: as {' '.join(block.info[1:])} has it")


def commands(blocks, section, call):
    found = [block for block in blocks if block.section == section and block.info == ["sh"]]
    chosen = [block.text for block in found if ("$SLUGLINE" in block.text) == call]
    if not chosen:
        kind = "call the server" if call else "build"
        raise Failure(f"no commands that {kind} under {section!r}")
    return "".join(chosen)


def sources(name):
    """What a project is made of: files by their place in it."""
    found = {"service-config.json": root / "examples/service-config.json"}
    for folder, inside in [(root / "tests/interop" / name, ""), (root / "proto", "proto")]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[str(pathlib.PurePath(inside) / path.relative_to(folder))] = path
    return found


def run(name, script, **environment):
    proxies = {"http_proxy", "https_proxy", "all_proxy"} if environment else set()
    kept = {key: value for key, value in os.environ.items() if key.lower() not in proxies}
    programs = os.environ.get("INTEROP_BIN", str(work / "bin"))
    path = os.pathsep.join([programs, str(work / "venv/bin"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + script], cwd=work / "clients" / name,
        env={**kept, "PATH": path, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
    )
    if done.returncode != 0:
        raise Failure(f"{name}: ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def build(blocks):
    for section, name in PROJECTS.items():
        script, files = commands(blocks, section, call=False), sources(name)
        digest = hashlib.sha256(script.encode())
        for place, path in files.items():
            digest.update(f"{place}\0".encode() + path.read_bytes())
        project, stamp = work / "clients" / name, work / "clients" / f"{name}.built"
        if stamp.is_file() and stamp.read_text() == digest.hexdigest():
            print(f"ok   {section}: built already")
            continue
        stamp.unlink(missing_ok=True)
        shutil.rmtree(project, ignore_errors=True)
        for place, path in files.items():
            (project / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, project / place)
        run(name, script)
        stamp.write_text(digest.hexdigest())
        print(f"ok   {section}: generated and built")


def call(blocks, address):
    for section, name in PROJECTS.items():
        said = run(name, commands(blocks, section, call=True), SLUGLINE=address)
        checks = [line for line in said.splitlines() if line.startswith("ok ")]
        if len(checks) != 5:
            raise Failure(f"{section}: {len(checks)} checks, not 5:\n{said}")
        print("\n".join(line.replace("ok  ", f"ok   {section}:", 1) for line in checks))


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("build")
    steps.add_parser("call").add_argument("address")
    arguments = parser.parse_args()
    try:
        blocks = blocks_of(page.read_text(encoding="utf-8"))
        check_page(blocks)
        if arguments.step == "build":
            build(blocks)
        else:
            call(blocks, arguments.address)
    except Failure as failure:
        print(f"FAIL {page.name}: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
