"""P5: batches through a real server beside the engine alone, in process, on the same input.

Run as `python -m tests.bench.batch --records N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.bench.database import fresh_database, seconds
from tests.bench.report import Finding, medians, write

RUNS = 5
BATCH = 1000


@contextmanager
def server() -> Iterator[int]:
    """Granian with one worker, as production starts it, on the benchmark's database; yields its port."""
    from django.conf import settings

    from tests.journeys.conftest import free_port, listens, url_of_test_database

    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws"]
    command += ["--workers", "1", "--blocking-threads", "4", "config.wsgi:application"]
    environment = os.environ | {"DATABASE_URL": url_of_test_database(), "LOCAL_DIR": str(settings.LOCAL_DIR)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while not listens(port):
                assert process.poll() is None, "the server has ended"
                assert time.monotonic() < deadline, "the server does not listen"
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=15)


def send(port: int, authorization: str, bodies: Sequence[str]) -> None:
    """One after the other on one connection."""
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        for body in bodies:
            client.request("POST", "/api/v1/batch", body, headers)
            answer = client.getresponse()
            told = answer.read()
            assert answer.status == 200, told[:1000]


def one_run(port: int, count: int, *, alone_first: bool) -> dict[str, float]:
    """Rows a second: the same records to two new accounts of the same people, to one through the server, to the other
    by the engine."""
    from tests import factories
    from tests.bench.mix import BASE_SHARE, Base, chunks

    served = Base(int(count * BASE_SHARE))
    twin = Base(served.size, served.first)
    issued = factories.authentication_for(served.account)
    authorization = f"Token {issued.authentication.key}:{issued.secret}"
    records = served.mix(count)
    bodies = [
        json.dumps({"records": [{"external_id": each.external_id, "values": each.values} for each in chunk]})
        for chunk in chunks(records)
    ]
    # The first request of a key, and of a worker, is another matter.
    send(port, authorization, [json.dumps({"records": [{"external_id": "warm", "values": {"city": "Warm"}}]})])
    speeds = {}
    for way in ("alone", "served") if alone_first else ("served", "alone"):
        work = (
            (lambda: twin.send(records, twin.shop)) if way == "alone" else (lambda: send(port, authorization, bodies))
        )
        speeds[way] = count / seconds(work)
    return {"POST /batch": speeds["served"], "engine alone": speeds["alone"]}


def measure(count: int, runs: int = RUNS) -> Finding:
    """The ways take turns in coming first."""
    with server() as port:
        found = [one_run(port, count, alone_first=bool(number % 2)) for number in range(runs)]
    return Finding(
        "P5",
        f"POST /batch of {BATCH:,} records ÷ the engine alone",
        [run["POST /batch"] / run["engine alone"] for run in found],
        0.7,
        figures={"rows/s": medians(found)},
    )


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.batch", description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        return write([measure(arguments.records)], vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
