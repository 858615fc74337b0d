"""Somebody guesses secrets, at two server processes at once, while a system goes on working with the right one."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from integrations import credentials
from tests.factories import AccountFactory, authentication_for
from tests.journeys.conftest import LiveApi, serving
from tests.system import System

LIMIT, TRIES = 120, 1000


@pytest.mark.usefixtures("catalogue")
def test_a_thousand_wrong_secrets_at_two_processes_keep_the_right_one_from_nothing(tmp_path: Path) -> None:
    system = System(authentication_for(AccountFactory.create()))
    key, wrong = system.issued.authentication.key, credentials.issue({1: b"p" * 32}).secret

    def ask(server: LiveApi, authorization: str) -> int:
        return server.send("GET", "/api/v1/me", headers={"Authorization": authorization}).status

    def attack(server: LiveApi) -> tuple[Counter[int], Counter[int]]:
        """The statuses of half of the wrong calls, to keys of all kinds, and of right ones among them."""
        guessed, right = Counter[int](), Counter[int]()
        for number in range(TRIES // 2):
            other = key if number % 2 else f"ck_{number:020}"
            guessed[ask(server, f"Token {other}:{wrong}")] += 1
            if number % 25 == 0:
                right[ask(server, system.authorization)] += 1
        return guessed, right

    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                serving(tmp_path / f"web{n}", API_FAILURES_PER_MINUTE=str(LIMIT), API_REQUESTS_PER_MINUTE="600")
            )[0]
            for n in range(2)
        ]
        began = int(time.time()) // 60
        with ThreadPoolExecutor() as pool:
            (one, right_at_one), (two, right_at_two) = pool.map(attack, servers)
        minutes = int(time.time()) // 60 - began + 1
    assert right_at_one + right_at_two == Counter({200: TRIES // 25})
    guessed = one + two
    assert set(guessed) == {401, 429}
    # The second process may let one share more through
    assert guessed[401] <= minutes * (LIMIT + LIMIT // 20)
    assert guessed.total() == TRIES
