"""P1: what signing in costs: `GET /contacts/{id}` with a key and a secret, in process with the whole stack, beside the
same view that asks nobody who they are, and beside its peers.

Run as `python -m tests.bench.sign_in [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import os
import statistics
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.database import fresh_database, settle
from tests.bench.report import Finding, write

ROUNDS, WARM_UP, ATTEMPTS = 1000, 50, 3
SLOW, SELDOM = "Basic, Argon2", 100
"""What takes tens of milliseconds is called in one round of so many."""
LEAST, MOST = 0.98, 1.02
"""What the view must take beside itself, else the run says nothing."""
Calls = dict[str, Callable[[], Any]]


def rounds(calls: Calls, count: int, seed: int) -> dict[str, float]:
    """Median microseconds of each call; in each round they come in another order."""
    random, names = Random(seed), list(calls)
    times: dict[str, list[float]] = {name: [] for name in names}
    settle()
    for number in range(count):
        random.shuffle(names)
        for name in names:
            if name == SLOW and number % SELDOM:
                continue
            start = time.perf_counter()
            answer = calls[name]()
            times[name].append((time.perf_counter() - start) * 1_000_000)
            assert answer.status_code == 200, answer.content
    return {name: statistics.median(found) for name, found in times.items()}


def the_calls() -> tuple[Calls, Callable[[], None]]:
    """What is compared; and what revokes Concord's key."""
    from rest_framework.authtoken.models import Token

    from accounts.actor import SYSTEM
    from integrations.authentication import _look_up
    from integrations.services import authentications
    from tests import factories
    from tests.bench.sign_in_urls import CALLER
    from tests.system import System

    system = System(factories.authentication_for(factories.AccountFactory.create()))
    system.send("1001", email="jan@example.com", firstName="Jan", lastName="Jansen", city="Utrecht")
    known = _look_up(system.issued.authentication.key)
    assert known is not None
    CALLER[:] = [known.caller]
    person = factories.UserFactory.create()
    token = Token.objects.create(user=person).key
    basic = b64encode(f"{person.email}:{factories.PASSWORD}".encode()).decode()

    def get(path: str, authorization: str) -> Callable[[], Any]:
        return lambda: system.client.get(f"/api/v1/{path}/1001", headers={"authorization": authorization})

    def revoke() -> None:
        authentications.revoke(authentication=system.issued.authentication, by=SYSTEM)

    calls = {
        "Concord": get("contacts", system.authorization),
        "nobody asked": get("bare", system.authorization),
        "nobody asked, again": get("again", system.authorization),
        "DRF token": get("token", f"Token {token}"),
        SLOW: get("basic", f"Basic {basic}"),
    }
    return calls, revoke


def measure(count: int = ROUNDS) -> list[Finding]:
    """Up to three attempts, until the view takes as long as itself."""
    from django.test import override_settings

    with override_settings(ROOT_URLCONF="tests.bench.sign_in_urls"):
        calls, revoke = the_calls()
        rounds(calls, WARM_UP, 0)
        itself = []
        for attempt in range(1, ATTEMPTS + 1):
            middle = rounds(calls, count, attempt)
            itself.append(middle["nobody asked, again"] / middle["nobody asked"])
            if LEAST <= itself[-1] <= MOST:
                break
        answers = [calls["Concord"]().status_code]
        revoke()
        answers.append(calls["Concord"]().status_code)
        assert answers == [200, 401], answers
    bare = middle.pop("nobody asked")
    del middle["nobody asked, again"]
    void = not LEAST <= itself[-1] <= MOST
    added = ", ".join(f"{name} {each - bare:,.0f}" for name, each in middle.items())
    told = {
        "microseconds more than the bare view": f"{added}; the view itself {bare:,.0f}",
        "the view ÷ itself": f"{itself[-1]:.3f} (must be {LEAST} to {MOST}; attempts: {len(itself)})",
        "a revoked key": "is refused on the very next request",
    }
    own = Finding(
        "P1", "GET /contacts/{id}, signed in ÷ the same view, nobody asked", [middle.pop("Concord") / bare],
        1.45, least=False, void=void, figures=told,
    )  # fmt: skip
    return [own, *(Finding("P1", f"{name} ÷ the same view", [each / bare], void=void) for name, each in middle.items())]


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sign_in", description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.sign_in_settings"
    with fresh_database() as vendor:
        return write(measure(), vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
