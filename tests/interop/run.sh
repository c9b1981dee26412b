#!/usr/bin/env bash
# Runs foreign clients against a built server (grpcurl, Python's grpcio, and those of
# docs/clients.md), and buf over the protos.
#
#     tests/interop/run.sh BINARY
#
# install-tools.sh must have run. INTEROP_BIN says where grpcurl and buf are; default target/interop/bin.
# The server is started twice: without a folder of models, which exercises the embedded one, then with models/.
# Uses no network but the loopback, and no fixed port.
set -euo pipefail

readonly READY_SECONDS=60 # to the first line of output, and again to SERVING
readonly STOP_SECONDS=30  # from SIGTERM to the end of the process

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${INTEROP_BIN:-$root/target/interop/bin}
python=$root/target/interop/venv/bin/python
work=$(mktemp -d)
server=

stop_all() {
    if [[ -n $server ]]; then
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

die() {
    echo "run: $*" >&2
    if [[ -s $work/stderr ]]; then
        echo "run: the last lines that the server logged:" >&2
        tail -n 30 "$work/stderr" >&2
    fi
    exit 1
}

[[ $# -eq 1 ]] || die "usage: tests/interop/run.sh BINARY"
[[ -f $1 && -x $1 ]] || die "no program at $1"
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
[[ -x $bin/grpcurl && -x $bin/buf && -x $python ]] || die "tools are missing: run tests/interop/install-tools.sh first"
example=$root/examples/cyber-defence.json
[[ -f $example ]] || die "no example at $example"

export PYTHONDONTWRITEBYTECODE=1
# A proxy would be asked for the loopback too.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
# The settings of whoever runs this must not reach the server.
for name in $(compgen -e SLUGLINE_ || true); do unset "$name"; done

# refuses FILE SCRIPT RULE COMMAND...: passes when buf's command refuses a copy of the protos that was
# changed with this sed script.
refuses() {
    local file=proto/slugline/v1/$1 script=$2 rule=$3 copy=$work/copy found
    shift 3
    rm -rf "$copy" && mkdir "$copy"
    cp -r "$root/buf.yaml" "$root/proto" "$copy"
    sed -i "$script" "$copy/$file"
    if cmp -s "$root/$file" "$copy/$file"; then die "the defect was not planted in $file: $script"; fi
    if found=$(cd "$copy" && "$bin/buf" "$@" --error-format json 2>&1); then die "buf $1 accepts a defect: $script"; fi
    # For that reason, and not because it could not run.
    [[ $found == *"\"type\":\"$rule\""* ]] || die "buf $1 refuses '$script' for another reason than $rule: $found"
    echo "ok   buf $1 refuses $rule"
}

check_protos() {
    (cd "$root" && "$bin/buf" lint) || die "buf lint has findings"
    echo "ok   buf lint accepts the protos"
    refuses classification_service.proto 's/int32 max_topics = 3/int32 maxTopics = 3/' FIELD_LOWER_SNAKE_CASE lint
    refuses model_service.proto '/^message ModelTopic {/,/^}/ { /^ *\/\//d }' COMMENT_FIELD lint
    refuses server_service.proto 's/^service ServerService /service Server /' SERVICE_SUFFIX lint
    check_compatibility
}

# What clients were built with must go on working: the protos keep to the contract of the last
# release, and, where this clone has its tag, to the files of that.
check_compatibility() {
    local released=proto/released.binpb tag tagged=$work/tagged
    (cd "$root" && "$bin/buf" breaking --against "$released") || die "the protos break the contract of $released"
    echo "ok   buf breaking accepts the protos, against $released"
    local breaking=(breaking --against "$released")
    refuses classification_service.proto 's/int32 max_topics = 3/int32 max_topics = 30/' FIELD_NO_DELETE "${breaking[@]}"
    refuses article_service.proto 's/string source = 6/int64 source = 6/' FIELD_SAME_TYPE "${breaking[@]}"
    refuses article_service.proto 's/rpc GetArticle(/rpc ReadArticle(/' RPC_NO_DELETE "${breaking[@]}"
    refuses article.proto 's/"dev.slugline.v1"/"dev.slugline"/' FILE_SAME_JAVA_PACKAGE "${breaking[@]}"
    if ! tag=$(git -C "$root" describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
        echo "skip buf breaking against a tag: this clone has none"
        return
    fi
    mkdir "$tagged"
    git -C "$root" archive "$tag" buf.yaml proto | tar -x -C "$tagged" || die "cannot read the protos of $tag"
    (cd "$root" && "$bin/buf" breaking --against "$tagged") || die "the protos break the contract of $tag"
    # An image that was not renewed at the release would let pass what breaks what the release added.
    (cd "$root" && "$bin/buf" breaking "$released" --against "$tagged") ||
        die "$released lacks something of $tag: CONTRIBUTING.md says how to renew it"
    echo "ok   buf breaking accepts the protos, against $tag"
}

# Starts the server with these further arguments and sets $address.
start() {
    local line=
    # Not in the repository, so that nothing is found by a relative path.
    mkdir -p "$work/cwd"
    : >"$work/stdout"
    : >"$work/stderr"
    (cd "$work/cwd" && exec "$binary" serve --listen 127.0.0.1:0 "$@") >"$work/stdout" 2>"$work/stderr" &
    server=$!
    for ((i = 0; i < READY_SECONDS * 10; i++)); do
        # A line counts once it is whole: read fails on one without its end.
        if IFS= read -r line <"$work/stdout"; then break; fi
        line=
        kill -0 "$server" 2>/dev/null || die "the server ended before it listened"
        sleep 0.1
    done
    [[ $line =~ ^listening\ on\ (127\.0\.0\.1:[1-9][0-9]*)$ ]] || die "the first line of output is '$line'"
    address=${BASH_REMATCH[1]}
    for ((i = 0; i < READY_SECONDS * 5; i++)); do
        health=$("$bin/grpcurl" -plaintext -connect-timeout 2 -max-time 5 -d '{"service": ""}' \
            "$address" grpc.health.v1.Health/Check 2>&1) || true
        if [[ $health == *'"SERVING"'* ]]; then
            echo "ok   the server listens on $address, and is SERVING"
            return
        fi
        kill -0 "$server" 2>/dev/null || die "the server ended before it was SERVING"
        sleep 0.2
    done
    die "the server is not SERVING after $READY_SECONDS s: $health"
}

# Ends the server as an orchestrator does, and checks that it ends well.
stop() {
    local code=0 started=$SECONDS
    kill -TERM "$server" 2>/dev/null || die "the server has ended before it was told to"
    for ((i = 0; i < STOP_SECONDS * 10; i++)); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    if kill -0 "$server" 2>/dev/null; then die "the server still runs $STOP_SECONDS s after SIGTERM"; fi
    wait "$server" || code=$?
    server=
    [[ $code -eq 0 ]] || die "the server ended with exit code $code after SIGTERM"
    if grep -n "panicked at" "$work/stderr"; then die "the server panicked"; fi
    echo "ok   SIGTERM ends the server with exit code 0, in $((SECONDS - started)) s"
}

# check_server TITLE [ARGUMENT...]
check_server() {
    echo "--- $1"
    shift
    start "$@"
    "$python" "$here/check_grpcurl.py" --grpcurl "$bin/grpcurl" --proto "$root/proto" --example "$example" "$address" ||
        die "the checks with grpcurl failed"
    "$python" "$here/client.py" --proto "$root/proto" --example "$example" "$address" ||
        die "the checks with the Python client failed"
    "$python" "$here/retries.py" "$address" || die "the checks of retries failed"
    INTEROP_BIN=$bin "$python" "$here/clients.py" call "$address" || die "the clients of docs/clients.md failed"
    stop
}

echo "--- protos"
check_protos
check_server "the embedded model"
[[ -d $root/models ]] || die "no folder of models at $root/models"
check_server "the models of models/" --models "$root/models"
echo "interop: all passed in $SECONDS s"
