"""Two systems that know the same people, some only one of them: what linking by e-mail must get right.

Reads the CSV form of the FEBRL data sets (P. Christen, Febrl: an open source data cleaning, deduplication and record
linkage system, 2008; columns rec_id, given_name, surname, …, soc_sec_id), or makes people in that form. The true link
is the number in `rec_id`, and system A has the `org` records, system B the `dup` ones.
"""

import csv
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

A, B = "org", "dup"


@dataclass(frozen=True)
class Person:
    """A record of one system. Its external id is the number alone, so that the systems' ids collide."""

    number: str
    system: str
    values: dict[str, str]

    @property
    def record(self) -> dict[str, Any]:
        """The record as POST /batch takes it."""
        return {"external_id": self.number, "values": self.values}


def read(path: Path) -> list[Person]:
    """The people of a FEBRL file; their e-mail address is made of soc_sec_id, at example.com."""
    with path.open(newline="", encoding="utf-8") as file:
        return [_person(row) for row in csv.DictReader(file, skipinitialspace=True)]


OWN_FIELDS = {
    "soc_sec_id": "socSecId",
    "given_name": "givenName",
    "surname": "surname",
    "date_of_birth": "dateOfBirth",
    "postcode": "postcode",
    "suburb": "suburb",
    "street_number": "streetNumber",
    "address_1": "address",
}
"""Columns of a FEBRL file, and the account's own contact fields (text) that they come as."""

OWN_RULES = (("socSecId",), ("givenName", "surname", "dateOfBirth"), ("surname", "postcode", "dateOfBirth"))


def read_as_it_is(path: Path) -> list[Person]:
    """The people of a FEBRL file in contact fields of their own: texts as they come, dates too, impossible ones too."""
    with path.open(newline="", encoding="utf-8") as file:
        people = []
        for row in csv.DictReader(file, skipinitialspace=True):
            _, number, system, *_ = row["rec_id"].split("-")
            values = {field: row[column].strip() for column, field in OWN_FIELDS.items()}
            people.append(Person(number, system, {name: text for name, text in values.items() if text}))
        return people


def _person(row: dict[str, str]) -> Person:
    _, number, system, *_ = row["rec_id"].split("-")
    values = {
        "email": f"{row['soc_sec_id'].strip()}@example.com",
        "firstName": row["given_name"].strip(),
        "lastName": row["surname"].strip(),
        "street": row["address_1"].strip(),
        "houseNumber": row["street_number"].strip(),
        "postalCode": row["postcode"].strip(),
        "city": row["suburb"].strip(),
    }
    return Person(number, system, {name: text for name, text in values.items() if text})


def make(count: int, different: int, seed: int) -> list[Person]:
    """People whom both systems know, `different` of them under another e-mail address in B."""
    source = random.Random(seed)
    people = []
    for number in range(count):
        name = source.choice(("Jan", "An", "Bo", "Cas", "Dirk"))
        for system in (A, B):
            other = system == B and number < different
            email = f"{'other' if other else 'person'}{number}@example.com"
            people.append(Person(str(number), system, {"email": email, "firstName": name}))
    return people


def with_households(people: Iterable[Person], households: int, size: int) -> list[Person]:
    """The same people, of whom the first `households` times `size` numbers share an address per household.

    Each household is `size` numbers of both systems, so that no record of it may be linked by its address.
    """
    people = list(people)
    numbers = sorted({person.number for person in people}, key=int)
    shared = {
        number: f"household{position // size}@example.com"
        for position, number in enumerate(numbers[: households * size])
    }
    return [
        Person(
            person.number,
            person.system,
            {**person.values, "email": shared.get(person.number, person.values["email"])},
        )
        for person in people
    ]
