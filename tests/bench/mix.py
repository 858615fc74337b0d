"""The people that the benchmarks send: contacts of ten fields, and the mix of records that performance figures are for.

Of the records half have an id that is known, a tenth match another system's contact by e-mail alone, a twentieth match
a contact that has another id of the same system, the rest are new. Of the known and the matching ones four in five come
with two changed values, street and city, and one in five with none.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from accounts.actor import SYSTEM
from accounts.models import Account
from contacts.models import IdField
from contacts.overlay import Record
from contacts.services import fields, sync
from tests import factories

CHUNK = 1000
OWN_SHARE, EMAIL_SHARE, CONFLICT_SHARE = 0.5, 0.1, 0.05
BASE_SHARE = 0.75
"""How large a base is for a mix, so that there are enough people of each kind in it."""
SHOP_TENTHS = 8

_ranges = itertools.count(start=0, step=10_000_000)


def values(person: int) -> dict[str, str]:
    """A person's values, as the API would have stored them."""
    return {
        "email": f"person{person}@example{person % 50}.com",
        "firstName": f"First{person % 500}",
        "lastName": f"Last{person % 3000}",
        "street": f"Street {person % 700}",
        "houseNumber": str(person % 200 + 1),
        "postalCode": f"{1000 + person % 8000} AB",
        "city": f"City{person % 300}",
        "country": "NL",
        "phoneNumber": f"+316{person % 90_000_000 + 10_000_000}",
        "birthday": f"19{person % 80 + 10}-0{person % 9 + 1}-1{person % 9}",
    }


def record(person: int, **changes: str) -> Record:
    """What the person's own system sends; the number is the external id."""
    return Record(str(person), values(person) | changes)


@dataclass
class Base:
    """An account with contacts: of every ten, eight have an id of the shop and two one of the CRM alone.

    Its people are its own, so that nothing is known of them from an earlier run, unless `first` names those of
    another base.
    """

    size: int
    first: int = field(default_factory=lambda: next(_ranges))
    account: Account = field(init=False)
    shop: IdField = field(init=False)
    crm: IdField = field(init=False)
    _mixes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.account = factories.AccountFactory.create()
        self.shop = factories.default_id_field(self.account)
        self.crm = fields.add_id_field(account=self.account, name="crmId", label="", by=SYSTEM)
        people = range(self.first, self.first + self.size)
        self._of_shop = [person for person in people if person % 10 < SHOP_TENTHS]
        self._of_crm = [person for person in people if person % 10 >= SHOP_TENTHS]
        self._to_come = itertools.count(self.first + self.size)
        # Chunk by chunk: a million records at once would take the memory that the database could use.
        for people_of, id_field in ((self._of_shop, self.shop), (self._of_crm, self.crm)):
            for chunk in chunks(people_of):
                self.send([record(person) for person in chunk], id_field)
            Random(self.size).shuffle(people_of)

    def send(self, records: Sequence[Record], id_field: IdField) -> Counter[str]:
        """Writes the records in chunks; counts what became of them."""
        outcomes: Counter[str] = Counter()
        for chunk in chunks(records):
            results = sync.write(
                account_id=self.account.pk,
                id_field_id=id_field.pk,
                records=chunk,
                origin=sync.Origin(None, "bench"),
            )
            outcomes.update(str(result.outcome) for result in results)
        return outcomes

    def newcomers(self, count: int) -> list[int]:
        """People whom nobody knows yet."""
        return list(itertools.islice(self._to_come, count))

    def mix(self, count: int) -> list[Record]:
        """Records of the shop, shuffled. No person comes twice in it, and who matches or conflicts in none of later."""
        self._mixes += 1
        random = Random(self._mixes)
        known, matching, conflicting = (int(count * share) for share in (OWN_SHARE, EMAIL_SHARE, CONFLICT_SHARE))
        assert len(self._of_shop) >= known + conflicting, "the base is too small for the mix"
        assert len(self._of_crm) >= matching, "the base is too small for another mix"
        conflicts = [self._of_shop.pop() for _ in range(conflicting)]
        matches = [self._of_crm.pop() for _ in range(matching)]
        records = self._changed(random.sample(self._of_shop, known)) + self._changed(matches)
        records += [Record(f"again{person}", values(person)) for person in conflicts]
        records += [record(person) for person in self.newcomers(count - len(records))]
        random.shuffle(records)
        return records

    def _changed(self, people: Iterable[int]) -> list[Record]:
        """Two values changed of four in five."""
        return [
            record(person)
            if index % 5 == 0
            else record(person, street=f"New {self._mixes} {person}", city=f"Moved{self._mixes}")
            for index, person in enumerate(people)
        ]


def chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
