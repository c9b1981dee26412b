#!/usr/bin/env bash
# Installs what run.sh needs, at pinned versions: grpcurl and buf from source, a Python environment
# with gRPC, and the clients of docs/clients.md, generated and built.
#
#     tests/interop/install-tools.sh [BIN_DIR]
#
# BIN_DIR is where grpcurl and buf go; default target/interop/bin. What is already there at the pinned version stays.
# Needs go (1.26.7 or newer, or one that may download its own toolchain), python3 with venv, node (20
# or newer) with npm, a JDK (17 or newer) and mvn.
set -euo pipefail

readonly GRPCURL_VERSION=v1.9.4
readonly BUF_VERSION=v1.75.0

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${1:-$root/target/interop/bin}
venv=$root/target/interop/venv

die() {
    echo "install-tools: $*" >&2
    exit 1
}

command -v go >/dev/null || die "go is not on the PATH; grpcurl and buf are built with it: https://go.dev/doc/install"
for program in python3 node npm javac mvn; do
    command -v "$program" >/dev/null || die "$program is not on the PATH"
done

mkdir -p "$bin"
bin=$(cd "$bin" && pwd) # go wants GOBIN absolute

# The version that is built into a Go program; nothing when there is no such program.
installed_version() {
    [[ -x $1 ]] || return 0
    go version -m "$1" 2>/dev/null | awk '$1 == "mod" { print $3 }'
}

# install_go NAME PACKAGE VERSION
install_go() {
    local name=$1 package=$2 version=$3 started=$SECONDS
    if [[ $(installed_version "$bin/$name") == "$version" ]]; then
        echo "$name $version: already in $bin"
        return
    fi
    echo "$name $version: building into $bin"
    # No C compiler needed, and no path of this machine in the program.
    CGO_ENABLED=0 GOBIN=$bin nice go install -trimpath "$package@$version" || die "cannot build $name $version"
    [[ $(installed_version "$bin/$name") == "$version" ]] || die "$bin/$name is not $version after its installation"
    echo "$name $version: built in $((SECONDS - started)) s"
}

install_go grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl "$GRPCURL_VERSION"
install_go buf github.com/bufbuild/buf/cmd/buf "$BUF_VERSION"

# A copy of the requirements is left in the environment, so that a changed pin is noticed.
if [[ -x $venv/bin/python ]] && cmp -s "$here/python/requirements.txt" "$venv/requirements.txt"; then
    echo "python packages: already in $venv"
else
    started=$SECONDS
    echo "python packages: installing into $venv"
    python3 -m venv --clear "$venv" || die "cannot make a virtual environment (Debian: apt-get install python3-venv)"
    # Wheels only: building grpcio from source takes most of an hour.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --requirement "$here/python/requirements.txt" || die "cannot install the python packages"
    "$venv/bin/python" -m pip check --disable-pip-version-check >/dev/null || die "the pinned python packages do not fit together"
    cp "$here/python/requirements.txt" "$venv/requirements.txt"
    grep -E '^[a-zA-Z]' "$here/python/requirements.txt" | sed 's/^/  /'
    echo "python packages: installed in $((SECONDS - started)) s"
fi

INTEROP_BIN=$bin python3 "$here/clients.py" build || die "cannot build the clients of docs/clients.md"
