"""Checks that a client with the service config of docs/clients.md obeys the server's pause.

    retries.py HOST:PORT
"""
import contextlib
import json
import pathlib
import sys
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from checks import Suite, equal, require

CONFIG = pathlib.Path(__file__).resolve().parent.parent.parent / "examples/service-config.json"
TIMEOUT = 30  # seconds
PAUSE = 0.5  # seconds: what the server asks for
BACKOFF = 100  # seconds: what the client would wait of its own accord
suite = Suite("retries")


def connect(address, config):
    # A connection of its own: Watches are counted for each.
    options = [("grpc.service_config", json.dumps(config)), ("grpc.use_local_subchannel_pool", 1)]
    return contextlib.closing(grpc.insecure_channel(address, options=options))


def open_watches(channel):
    """Opens Watches until one is refused, and returns those that are open."""
    stub, watches = health_pb2_grpc.HealthStub(channel), []
    while len(watches) < 1000:
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
        try:
            next(watch)
        except grpc.RpcError as error:
            return watches, error
        watches.append(watch)
    raise AssertionError("no Watch was refused")


def without_retries(config):
    return {"methodConfig": [{"name": method["name"]} for method in config["methodConfig"]]}


def config():
    return json.loads(CONFIG.read_text(encoding="utf-8"))


@suite.check("a call too many is refused, and its trailers say when to retry")
def _(address):
    with connect(address, without_retries(config())) as channel:
        watches, error = open_watches(channel)
        equal(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, "code of the Watch too many")
        trailers = dict(error.trailing_metadata())
        pause = f"{PAUSE * 1000:.0f}"
        equal(trailers.get("grpc-retry-pushback-ms"), pause, "grpc-retry-pushback-ms")
        require(len(watches) > 1, "only one Watch was taken")


@suite.check("a client with the service config retries it then, and is answered once there is room")
def _(address):
    patient = config()
    for method in patient["methodConfig"]:
        method["retryPolicy"].update(initialBackoff=f"{BACKOFF}s", maxBackoff=f"{BACKOFF}s")
    with connect(address, without_retries(config())) as other:
        room = len(open_watches(other)[0])
    with connect(address, patient) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watch = lambda: stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
        watches = [watch() for _ in range(room)]
        for one in watches:
            next(one)
        started = time.monotonic()
        late = watch()
        # Long enough that it was refused before there is room.
        time.sleep(PAUSE * 1.5)
        watches[0].cancel()
        equal(next(late).status, health_pb2.HealthCheckResponse.SERVING, "status")
        waited = time.monotonic() - started
        require(waited < BACKOFF / 10, f"the client waited {waited:.2f} s, not the server's pause")


if __name__ == "__main__":
    sys.exit(suite.run(*sys.argv[1:]))
