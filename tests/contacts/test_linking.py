"""Two systems that count their customers alike, so that every id collides."""

import pytest

from tests.linking import Report, link
from tests.people import make, with_households

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("chunk", [7, 100, 1000])
def test_colliding_ids_never_mix_people_up(chunk: int) -> None:
    report = link(make(100, different=10, seed=chunk), chunk=chunk, seed=chunk)
    assert report == Report(
        linked=90, created=10, wrong_links=0, changed_ids=0, lost=0, review_items=report.review_items, silent=0
    )
    assert report.review_items == 0


@pytest.mark.parametrize("chunk", [7, 1000])
def test_households_that_share_an_address_are_never_linked_and_always_reviewed(chunk: int) -> None:
    people = with_households(make(100, different=0, seed=chunk), households=20, size=2)
    report = link(people, chunk=chunk, seed=chunk)
    assert (report.linked, report.created) == (60, 40)
    assert (report.wrong_links, report.changed_ids, report.lost, report.silent) == (0, 0, 0, 0)
    assert report.review_items > 0
