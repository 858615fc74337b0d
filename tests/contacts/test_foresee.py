"""What the engine foresees: just what a write would answer, without a lock and without a write."""

from typing import Any

import pytest

from accounts.errors import Conflict
from accounts.models import Account
from contacts.models import Change, Contact, ExternalId, IdField, MatchKey, ReviewItem, Write
from contacts.services import store, sync
from contacts.services.sync import Origin, Record
from tests.factories import AccountFactory, default_id_field, id_field

pytestmark = pytest.mark.django_db

ORIGIN = Origin(None, "request")
STORED = (Change, Contact, ExternalId, MatchKey, ReviewItem, Write)


@pytest.fixture
def account() -> Account:
    return AccountFactory.create()


@pytest.fixture
def shop(account: Account) -> IdField:
    """An id field beside another one, whose system has some contacts."""
    sent = [Record(str(n), {"email": f"p{n // 2}@example.com"}) for n in range(8)]
    sync.write(account_id=account.pk, id_field_id=default_id_field(account).pk, records=sent[1:], origin=ORIGIN)
    shop = id_field(account, "shopId")
    sync.write(account_id=account.pk, id_field_id=shop.pk, records=[Record("7", {"firstName": "Jan"})], origin=ORIGIN)
    return shop


# Linked, in conflict with the one before, ambiguous, known, unchanged, new
RECORDS = [
    Record("1", {"email": "p0@example.com"}),
    Record("2", {"email": "p0@example.com"}),
    Record("3", {"email": "p1@example.com"}),
    Record("7", {"firstName": "Piet"}),
    Record("7", {"firstName": "Piet"}),
    Record("8", {"email": "new@example.com", "phoneNumber": "1"}, no_phones=("phoneNumber",)),
]


def told(results: list[sync.Result]) -> list[Any]:
    return [
        (each.outcome, each.matched_by, [(warning["code"], warning.get("rule")) for warning in each.warnings])
        for each in results
    ]


def test_what_is_foreseen_is_what_is_written(account: Account, shop: IdField) -> None:
    before = [model.objects.for_account(account).count() for model in STORED]
    foreseen = sync.foresee(account_id=account.pk, id_field_id=shop.pk, records=RECORDS)
    assert [model.objects.for_account(account).count() for model in STORED] == before
    assert [each.outcome for each in foreseen] == ["linked", "created", "created", "updated", "unchanged", "created"]
    written = sync.write(account_id=account.pk, id_field_id=shop.pk, records=RECORDS, origin=ORIGIN)
    assert told(foreseen) == told(written)


def test_an_id_field_to_come_has_no_ids(account: Account, shop: IdField) -> None:
    foreseen = sync.foresee(account_id=account.pk, id_field_id=None, records=RECORDS)
    assert [each.outcome for each in foreseen] == ["linked", "created", "created", "created", "unchanged", "created"]


@pytest.mark.usefixtures("shop")
def test_contacts_that_go_away_meanwhile_are_looked_for_again(
    account: Account, shop: IdField, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, looks = store.states, [0]

    def gone(*args: Any, **named: Any) -> Any:
        looks[0] += 1
        return states(*args, **named) if looks[0] > times else {}

    monkeypatch.setattr(store, "states", gone)
    times = 1
    assert sync.foresee(account_id=account.pk, id_field_id=shop.pk, records=RECORDS)[0].outcome == "linked"
    times = 100
    with pytest.raises(Conflict) as refusal:
        sync.foresee(account_id=account.pk, id_field_id=shop.pk, records=RECORDS)
    assert refusal.value.code == "contacts_changing"
