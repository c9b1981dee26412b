"""Checks every dependency's licence and source against deny.toml.

    python3 .ci/licences.py

The same question as `cargo deny check licenses sources` asks of the same file, without building cargo-deny, which takes longer than
the rest of the gate. Every crate that Cargo.lock names counts, for whatever target or feature.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The name of the public registry ends so, whatever it is reached by.
REGISTRY = "/crates.io-index"


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences; "/" is an old way to write OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def one(at):
        if tokens[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        name, at = tokens[at], at + 1
        if at < len(tokens) and tokens[at] == "WITH":
            name, at = f"{name} WITH {tokens[at + 1]}", at + 2
        return name in allowed, at

    def both(at):
        value, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            other, at = one(at + 1)
            value = value and other
        return value, at

    def either(at):
        value, at = both(at)
        while at < len(tokens) and tokens[at] == "OR":
            other, at = both(at + 1)
            value = value or other
        return value, at

    value, at = either(0)
    return value and at == len(tokens)


def main():
    allowed = set(tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]["allow"])
    for expression, expected in [
        ("MIT OR GPL-3.0", True), ("MIT AND GPL-3.0", False), ("(MIT OR GPL-3.0) AND Zlib", True), ("MIT/Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True), ("GPL-3.0", False), ("", False),
    ]:
        if bool(expression and is_allowed(expression, allowed)) != expected:
            sys.exit(f"FAIL this script misjudges {expression!r}")
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    faults = []
    for package in packages:
        name, licence = f"{package['name']} {package['version']}", package["license"] or ""
        if not licence or not is_allowed(licence, allowed):
            faults.append(f"{name}: the licence {licence!r} is not among those that deny.toml allows")
        source = package["source"]
        if source is not None and not (source.startswith("registry+") and source.endswith(REGISTRY)):
            faults.append(f"{name}: comes from {source}")
    for fault in faults:
        print(f"FAIL {fault}")
    if faults or not packages:
        sys.exit(1)
    print(f"ok   the licences and sources of {len(packages)} packages")


if __name__ == "__main__":
    main()
