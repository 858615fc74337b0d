"""Expected answers of the behaviour matrix (test_matrix.py): whom it knows, and the pages about contacts."""

from collections.abc import Mapping
from typing import NamedTuple


class People(NamedTuple):
    """Expected status per person: nobody is signed in, `stray` is staff of no partner."""

    nobody: int
    outsider: int
    viewer: int
    owner: int
    stray: int
    other_agent: int
    agent: int
    operator: int


class Keys(NamedTuple):
    """Expected status per key: none, another account's, the account's read-only one, the account's."""

    nobody: int
    foreign: int
    read_only: int
    own: int


# Settings pages: to be signed in, to be a member, then to have the capability
SEEN = People(302, 404, 200, 200, 404, 404, 404, 404)
MANAGED = People(302, 404, 403, 200, 404, 404, 404, 404)
CONTACTS: Mapping[tuple[str, str], People] = {
    ("contacts-review", "GET"): SEEN,
    ("contacts-review-item", "GET"): SEEN,
    ("contacts-review-item", "POST"): MANAGED._replace(owner=422),  # decides nothing
    ("contacts-contact", "GET"): SEEN,
    ("contacts-contact-edit", "GET"): MANAGED,
    ("contacts-contact-edit", "POST"): MANAGED._replace(owner=422),  # has not seen the contact
    ("contacts-contact-undo", "GET"): MANAGED._replace(owner=409),  # it was never merged
    ("contacts-contact-undo", "POST"): MANAGED._replace(owner=409),
    ("contacts-contact-split", "GET"): MANAGED,
    ("contacts-contact-split", "POST"): MANAGED._replace(owner=422),  # names no id
    ("contacts-contact-export", "GET"): MANAGED,
    ("contacts-contact-export", "POST"): MANAGED,
    ("contacts-contact-erase", "GET"): MANAGED,
    ("contacts-contact-erase", "POST"): MANAGED._replace(owner=422),  # does not type the name
    ("contacts-erasures", "GET"): MANAGED,
    ("contacts-erasures", "POST"): MANAGED._replace(owner=422),  # names no id
}
