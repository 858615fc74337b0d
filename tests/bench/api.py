"""P5: a batch through a real server beside the engine alone. P6: a single upsert through the API beside a view that
does one INSERT … ON CONFLICT.

Run as `python -m tests.bench.api --records N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.database import fresh_database, put_aside
from tests.bench.engine import seconds
from tests.bench.report import Finding, write

RUNS, BATCH, SINGLES = 3, 1000, 300


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def server() -> Iterator[int]:
    """Granian with one worker, as production starts it, on the benchmark's database; yields its port."""
    from django.conf import settings
    from django.db import connection

    from tests.journeys.conftest import url_of_test_database

    connection.close()
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws"]
    environment = os.environ | {"DATABASE_URL": url_of_test_database(), "LOCAL_DIR": str(settings.LOCAL_DIR)}
    application = [*command, "--workers", "1", "--blocking-threads", "4", "config.wsgi:application"]
    with subprocess.Popen(
        application, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=15)


def batches(count: int) -> Finding:
    """Each run sends the same mix to a new account, and gives it to the engine alone for another."""
    from tests import factories
    from tests.bench.mix import Base

    runs, told = [], []
    for run in range(RUNS):
        base, other = Base(count), Base(count)
        issued = factories.authentication_for(base.account)
        authorization = f"Token {issued.authentication.key}:{issued.secret}"
        records = base.mix(count, seed=run)
        bodies = [
            json.dumps({"records": [{"external_id": each.external_id, "values": each.values} for each in chunk]})
            for chunk in (records[start : start + BATCH] for start in range(0, count, BATCH))
        ]
        put_aside()
        alone = seconds(lambda: other.send(records, other.shop))  # noqa: B023 - called at once
        with server() as port:
            connection = http.client.HTTPConnection("127.0.0.1", port)

            def send() -> None:
                for body in bodies:  # noqa: B023 - called at once
                    headers = {"Authorization": authorization, "Content-Type": "application/json"}  # noqa: B023
                    connection.request("POST", "/api/v1/batch", body, headers)  # noqa: B023
                    answer = connection.getresponse()  # noqa: B023
                    assert answer.status in {200, 207}, answer.read()
                    answer.read()

            connection.request("GET", "/healthz")
            connection.getresponse().read()
            through = seconds(send)
        runs.append(alone / through)
        told.append((count / through, count / alone))
    speeds = [f"{statistics.median(each[index] for each in told):,.0f}" for index in (0, 1)]
    figures = {"rows/s": f"POST /batch {speeds[0]}, engine alone {speeds[1]}"}
    return Finding("P5", f"POST /batch of {BATCH:,} records ÷ the engine alone", runs, 0.7, figures=figures)


def singles() -> list[Finding]:
    """In process, with all middleware and authentication; the calls take turns."""
    from django.db import connection
    from django.test import override_settings

    from tests import factories
    from tests.system import System

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_peer (account int, x varchar(255), j text, PRIMARY KEY (account, x))")
    account = factories.AccountFactory.create()
    system = System(factories.authentication_for(account))
    kinds: dict[str, Callable[[int], Any]] = {
        "created": lambda number: system.send(f"n{number}", email=f"n{number}@example.com", firstName="Jan"),
        "updated": lambda number: system.send(f"n{number}", email=f"n{number}@example.com", firstName=f"Jan {number}"),
        "peer": lambda number: system.call("POST", "/peer", {"external_id": f"n{number}", "values": {"a": "b"}}),
        "peer again": lambda number: system.call("POST", "/peer", {"external_id": f"n{number}", "values": {"a": "b"}}),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    with override_settings(ROOT_URLCONF="tests.bench.peer"):
        assert kinds["peer"](0).status_code == 200
        put_aside()
        for number in range(SINGLES):
            for name, call in kinds.items():
                times[name].append(seconds(lambda: call(number)))  # noqa: B023 - called at once
    middle = {name: statistics.median(found[20:]) for name, found in times.items()}
    void = middle["peer again"] / middle["peer"]
    figures = {
        "milliseconds": ", ".join(f"{name} {each * 1000:.2f}" for name, each in middle.items()),
        "the peer against itself": f"{void:.2f} (0.98 to 1.02, else the run is void)",
    }
    return [
        Finding("P6", f"single upsert, {name} ÷ a view that does one INSERT … ON CONFLICT", [middle[name] / peer], 3,
                least=False, figures=figures)
        for name, peer in (("created", middle["peer"]), ("updated", middle["peer"]))
    ]  # fmt: skip


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.api", description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        return write([batches(arguments.records), *singles()], vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
