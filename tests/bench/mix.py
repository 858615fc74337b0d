"""The people that the benchmarks send: contacts of ten fields, and the mix of records of performance figures.

Of the records half have an id that is known (four in five of them with two changed values), a tenth match by e-mail
alone, a twentieth match a contact that has another id of the same system, the rest are new.
"""

from dataclasses import dataclass
from random import Random

from accounts.actor import SYSTEM
from contacts.models import IdField
from contacts.overlay import Record
from contacts.services import fields, sync
from tests import factories

CHUNK = 1000
OWN_SHARE, EMAIL_SHARE, CONFLICT_SHARE = 0.5, 0.1, 0.05


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


@dataclass
class Base:
    """An account with contacts: of every ten, eight have an id of the shop and two one of the CRM alone."""

    size: int

    def __post_init__(self) -> None:
        self.account = factories.AccountFactory.create()
        self.shop = factories.default_id_field(self.account)
        self.crm = fields.add_id_field(account=self.account, name="crmId", label="", by=SYSTEM)
        of_shop = [self.record(person) for person in range(self.size) if person % 10 < 8]
        of_crm = [self.record(person) for person in range(self.size) if person % 10 >= 8]
        self.send(of_shop, self.shop)
        self.send(of_crm, self.crm)

    def record(self, person: int, **changes: str) -> Record:
        return Record(str(person), values(person) | changes)

    def send(self, records: list[Record], id_field: IdField) -> None:
        for start in range(0, len(records), CHUNK):
            sync.write(
                account_id=self.account.pk,
                id_field_id=id_field.pk,
                records=records[start : start + CHUNK],
                origin=sync.Origin(None, "bench"),
            )

    def mix(self, count: int, *, seed: int = 0) -> list[Record]:
        """Records of the shop, shuffled. No person comes twice."""
        random = Random(seed)
        own = [person for person in range(self.size) if person % 10 < 8]
        only_crm = [person for person in range(self.size) if person % 10 >= 8]
        random.shuffle(own)
        random.shuffle(only_crm)
        known, matched, conflicts = (int(count * share) for share in (OWN_SHARE, EMAIL_SHARE, CONFLICT_SHARE))
        assert known + conflicts <= len(own), "the base is too small for the mix"
        records = [
            self.record(person) if index % 5 == 0 else self.record(person, city=f"Moved{seed}", street=f"New {person}")
            for index, person in enumerate(own[:known])
        ]
        records += [self.record(person) for person in only_crm[:matched]]
        records += [Record(f"again{person}", values(person)) for person in own[known : known + conflicts]]
        first = self.size + 10_000_000 * (seed + 1)
        records += [self.record(first + number) for number in range(count - len(records))]
        random.shuffle(records)
        return records
