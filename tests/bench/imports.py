"""P9 and P10: what an import takes of memory, how the API answers meanwhile, and two imports on two workers.

Run as `python -m tests.bench.imports --rows N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.bench.batch import server
from tests.bench.database import fresh_database, settle
from tests.bench.report import Finding, medians, write

FEW = 10_000
RUNS = 3
WAIT = 0.05
"""Seconds between two single upserts."""


def table(rows: int) -> Iterator[bytes]:
    """A CSV of so many people, with ten fields."""
    from tests.bench.mix import values

    yield ",".join(["external_id", *values(0)]).encode() + b"\n"
    for start in range(0, rows, 1000):
        people = range(start, min(start + 1000, rows))
        yield "".join(f"{person},{','.join(values(person).values())}\n" for person in people).encode()


def queue(rows: int) -> Any:
    """An import of so many rows into a new account: its authentication, with the secret."""
    from accounts.actor import SYSTEM
    from contacts.services import files, imports
    from tests import factories

    account = factories.AccountFactory.create()
    issued = factories.authentication_for(account)
    pieces, rest = table(rows), bytearray()

    def read(size: int) -> bytes:
        while len(rest) < size and (piece := next(pieces, b"")):
            rest.extend(piece)
        part = bytes(rest[:size])
        del rest[:size]
        return part

    imports.begin(
        account=account,
        id_field_id=factories.default_id_field(account).pk,
        authentication_id=issued.authentication.pk,
        file=files.receive(account_id=account.pk, read=read, limit=2**40, seen=len),
        read_as=imports.Settings("csv"),
        by=SYSTEM,
    )
    return issued


def work(workers: int) -> tuple[float, float]:
    """Lets workers do what waits: how many seconds it took from the first attempt on, and the most memory that one of
    them had, in MiB."""
    from django.conf import settings

    from contacts.models import Job
    from tests.journeys.conftest import url_of_test_database

    settle()
    environment = os.environ | {"DATABASE_URL": url_of_test_database(), "LOCAL_DIR": str(settings.LOCAL_DIR)}
    command = [sys.executable, "manage.py", "worker", "--batch"]
    waiting = list(Job.all_accounts.filter(state=Job.State.QUEUED).values_list("pk", flat=True))
    started = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(workers)]
    peaks = [os.wait4(process.pid, 0)[2].ru_maxrss / 1024 for process in started]
    for process in started:
        process.returncode = 0
    jobs = list(Job.all_accounts.filter(pk__in=waiting))
    assert all(job.state == Job.State.COMPLETED for job in jobs), [job.failure_detail for job in jobs]
    begun, ended = min(job.started_at for job in jobs), max(job.ended_at for job in jobs)
    return (ended - begun).total_seconds(), max(peaks)


@dataclass
class Meanwhile:
    """A client that sends single contacts to an account until it is stopped, and how long each took, in
    milliseconds."""

    port: int
    issued: Any
    times: list[float] = field(default_factory=list)
    stopped: Event = field(default_factory=Event)

    def run(self) -> None:
        headers = {"Authorization": f"Token {self.issued.authentication.key}:{self.issued.secret}"}
        headers["Content-Type"] = "application/json"
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as client:
            number = 0
            while not self.stopped.wait(WAIT):
                number += 1
                body = {"external_id": f"single{number}", "values": {"email": f"single{number}@example.com"}}
                start = time.perf_counter()
                client.request("POST", "/api/v1/contacts", json.dumps(body), headers)
                answer = client.getresponse()
                told = answer.read()
                self.times.append((time.perf_counter() - start) * 1000)
                assert answer.status == 201, told

    def __enter__(self) -> "Meanwhile":
        self._thread = Thread(target=self.run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._thread.join()

    def __str__(self) -> str:
        told = f"median {statistics.median(self.times):.1f} ms, slowest {max(self.times):.1f} ms"
        return f"{told}, {len(self.times):,} calls"


def memory(rows: int) -> Finding:
    """P9: a large import beside a small one, with single upserts to the same account through a server."""
    queue(FEW)
    _, small = work(1)
    issued = queue(rows)
    with server() as port, Meanwhile(port, issued) as meanwhile:
        taken, large = work(1)
    return Finding(
        "P9",
        f"peak memory of an import of {rows:,} rows ÷ of {FEW:,}",
        [large / small],
        1.5,
        least=False,
        figures={
            "MiB": f"{rows:,} rows {large:.0f}, {FEW:,} rows {small:.0f}",
            "rows/s": f"{rows / taken:,.0f}",
            "single upserts to the same account meanwhile": str(meanwhile),
        },
    )


def side_by_side(rows: int, must: float | None) -> Finding:
    """P10: two accounts on two workers beside one account on one."""
    speeds: list[dict[str, float]] = []
    for _ in range(RUNS):
        queue(rows)
        one, _ = work(1)
        queue(rows)
        queue(rows)
        two, _ = work(2)
        speeds.append({"one account": rows / one, "two accounts": 2 * rows / two})
    ratios = [speed["two accounts"] / speed["one account"] for speed in speeds]
    what = "rows/s of two accounts importing on two workers ÷ one on one"
    return Finding("P10", what, ratios, must, figures={"rows/s": medians(speeds)})


def main(given: Sequence[str] | None = None) -> int:
    """1 when a promise is missed. SQLite has one writer at a time: there P10 is printed only."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(given)
    with fresh_database() as vendor:
        findings = [
            side_by_side(max(arguments.rows // 20, 1), 1.4 if vendor == "postgresql" else None),
            memory(arguments.rows),
        ]
        return write(findings, vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
