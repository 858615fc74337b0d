"""Systems that follow the change feed while two workers, an API client and a person write."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event, Lock
from typing import Any

import pytest

from accounts.actor import SYSTEM
from accounts.errors import DomainError
from accounts.models import Account
from contacts.models import Change, Contact, Job
from contacts.services import merges
from tests import factories
from tests.follower import Follower, all_there_is
from tests.journeys.conftest import LiveApi, serving
from tests.journeys.load import HANG, begin_import, wait_for, working
from tests.system import System

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 10_000
"""That both systems know."""


@dataclass
class Caller:
    """One system's calls to the live server."""

    server: LiveApi
    system: System

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer, which must not be an error of ours."""
        headers = {"Authorization": self.system.authorization, "Content-Type": "application/json"}
        sent = "" if body is None else json.dumps(body)
        answer = self.server.send(method, f"/api/v1{path}", sent, headers)
        assert answer.status < 500, answer.body
        return answer.json() if answer.body else None

    def read_changes(self, follower: Follower) -> bool:
        return follower.read(self.call("GET", f"/changes?cursor={follower.cursor}"))

    def contacts(self) -> Iterator[Any]:
        """All of them, page by page."""
        page = self.call("GET", "/contacts")
        yield from page["contacts"]
        while page["next_cursor"] is not None:
            page = self.call("GET", f"/contacts?cursor={page['next_cursor']}")
            yield from page["contacts"]


def write(api: Caller, seed: int, over: Event) -> None:
    """Corrects, sends anew, takes back and erases people whom the imports write too."""
    random = Random(seed)
    while not over.is_set():
        own = f"C{random.randrange(PEOPLE // 4)}"
        email = f"p{random.randrange(PEOPLE // 4)}@example.com"
        record = {"external_id": own, "values": {"email": email, "firstName": random.choice(("Jan", "Piet", None))}}
        match random.randrange(6):
            case 0:
                api.call(
                    "POST", "/batch", {"records": [record, {"external_id": f"{own}x", "values": {"email": email}}]}
                )
            case 1:
                api.call("DELETE", f"/contacts/{own}")
            case 2:  # whom no other system knows
                api.call("POST", "/contacts", {"external_id": f"{own}y", "values": {"lastName": "Jansen"}})
                api.call("DELETE", f"/contacts/{own}y?erase=true")
            case _:
                api.call("POST", "/contacts", record)


def follow(api: Caller, follower: Follower, over: Event, at_rest: Lock) -> None:
    while not over.is_set():
        with at_rest:
            api.read_changes(follower)
        time.sleep(0.01)


def come_late(api: Caller, steady: Follower, over: Event) -> Follower:
    """Asks for all contacts, and follows from a change that came before."""
    while steady.cursor < 1000:
        assert not over.is_set()
        time.sleep(0.01)
    late = Follower(cursor=steady.cursor)
    for contact in api.contacts():
        late.learn(contact)
    follow(api, late, over, Lock())
    return late


def merge_two(account: Account, random: Random) -> bool:
    """As a person does in review. False when somebody else was faster with one of them."""
    some = list(Contact.objects.for_account(account).filter(merged_into=None).order_by("pk")[:500])
    one, other = random.sample(some, 2)
    try:
        merges.merge(account=account, survivor_id=one.pk, loser_id=other.pk, by=SYSTEM)
    except DomainError:
        return False
    return True


def still_running(threads: Iterable[Future[Any]]) -> bool:
    """That all still run. Raises what one of them came to an end by."""
    return not any(thread.result() for thread in threads if thread.done())


def merge_until_enough(account: Account, random: Random) -> bool:
    """Whether the imports are over, and some of every kind of change was among the others; merges two until some are.

    No more than that: each merge takes the account's lock, which the imports and the API client wait for too.
    """
    kinds = Counter(Change.objects.for_account(account).values_list("kind", flat=True))
    if kinds[Change.Kind.MERGED] < 20:
        merge_two(account, random)
    running = Job.objects.for_account(account).exclude(state=Job.State.COMPLETED)
    return all(kinds[kind] >= 10 for kind in Change.Kind) and not running.exists()


def differing(known: dict[str, Any], there: dict[str, Any]) -> list[Any]:
    """A few contacts that are known otherwise than they are. All of them would take hours to show."""
    wrong = [own for own in {*known, *there} if known.get(own) != there.get(own)]
    return [(own, known.get(own), there.get(own)) for own in wrong[:5]]


def test_followers_know_what_is_there(tmp_path: Path) -> None:
    account = factories.AccountFactory.create()
    crm = System(factories.authentication_for(account, system="CRM"))
    shop = System(factories.authentication_for(account, factories.id_field(account), system="Shop"))
    steady, over, at_rest, random = Follower(), Event(), Lock(), Random(4)
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        server, _ = stack.enter_context(serving(tmp_path / "web"))
        for number in range(2):
            stack.enter_context(working(tmp_path / f"worker{number}"))
        for system, letter in ((crm, "C"), (shop, "S")):
            begin_import(server, system, {f"{letter}{n}": f"p{n}@example.com" for n in range(PEOPLE)})
        api = Caller(server, crm)
        try:
            writing, following = pool.submit(write, api, 1, over), pool.submit(follow, api, steady, over, at_rest)
            coming = pool.submit(come_late, api, steady, over)
            wait_for(lambda: Contact.objects.for_account(account).count() > 1000)
            with at_rest:
                away = deepcopy(steady)
            others = (writing, following, coming)
            wait_for(lambda: still_running(others) and merge_until_enough(account, random))
        finally:
            over.set()
        writing.result(HANG)
        following.result(HANG)
        late = coming.result(HANG)
        for follower in (steady, late, away):
            while api.read_changes(follower):
                pass

    there = all_there_is(account)
    assert not differing(steady.known, there)
    assert not differing(away.known, there)
    alive = {own: told for own, told in there.items() if not isinstance(told, str)}
    assert not differing({own: told for own, told in late.known.items() if not isinstance(told, str)}, alive)
