"""Runs the same writes through the engine and tells its state in the oracle's words.

Contacts are named by the order in which they were made (ids are UUIDv7, which sort that way), so that worlds whose
ids differ can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from accounts.actor import SYSTEM
from accounts.errors import NotFound
from contacts.models import Contact, ExternalId, IdField, MatchKey, ReviewItem
from contacts.overlay import Mode, Record
from contacts.provenance import Before, Stamp, decode
from contacts.services import rules, sync
from contacts.services.rules import Draft
from tests import factories

SYSTEMS = ("externalCustomerId", "webshopCustomerId", "crmCustomerId")
NOBODY = 99
"""The name of a contact that does not exist."""


@dataclass(frozen=True)
class Sent:
    """One record as a system sends it; `link_to` names a contact by its order."""

    external_id: str
    values: dict[str, str | None]
    mode: str = "merge"
    link_to: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a record, in the oracle's words."""

    outcome: str
    contact: int | None
    matched_by: str | None
    warnings: frozenset[tuple[Any, ...]] = frozenset()
    candidates: tuple[int, ...] = ()


@dataclass
class World:
    """A fresh account with three systems and the given rules."""

    rules: Sequence[Sequence[str]] = (("email",),)
    policy: str = "create"
    id_fields: dict[str, IdField] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.account = factories.AccountFactory.create()
        default = factories.default_id_field(self.account)
        self.id_fields = {default.name: default}
        for name in SYSTEMS[1:]:
            self.id_fields[name] = factories.id_field(self.account, name)
        self.names = {row.pk: name for name, row in self.id_fields.items()}
        draft = Draft(rules=self.rules, policy=self.policy)
        rule_set = rules.publish(account=self.account, draft=draft, by=SYSTEM)
        self.signatures = {pk: number for number, pk in enumerate(rule_set.rules, start=1)}

    def ids(self) -> list[UUID]:
        return list(Contact.objects.for_account(self.account).order_by("pk").values_list("pk", flat=True))

    def write(self, id_field: str, records: Sequence[Sent]) -> list[Outcome]:
        ids = self.ids()
        results = sync.write(
            account_id=self.account.pk,
            id_field_id=self.id_fields[id_field].pk,
            records=[
                Record(
                    sent.external_id,
                    sent.values,
                    Mode(sent.mode),
                    None if sent.link_to is None else ids[sent.link_to] if sent.link_to < len(ids) else uuid4(),
                )
                for sent in records
            ],
            origin=sync.Origin(None, "test"),
        )
        order = {str(pk): name for name, pk in enumerate(self.ids())}
        return [_told(result, order) for result in results]

    def unlink(self, id_field: str, external_id: str) -> str:
        try:
            sync.unlink(
                account_id=self.account.pk,
                id_field_id=self.id_fields[id_field].pk,
                external_id=external_id,
                by=SYSTEM,
            )
        except NotFound:
            return "not_found"
        return "unlinked"

    def external_ids(self) -> dict[tuple[str, str], int]:
        order = {pk: name for name, pk in enumerate(self.ids())}
        rows = ExternalId.objects.for_account(self.account).values_list("id_field_id", "value", "contact_id")
        return {(self.names[id_field], value): order[contact] for id_field, value, contact in rows}

    def state(self) -> dict[str, Any]:
        """Everything that the oracle knows too: ids, values, provenance, keys, review pairs."""
        order = {pk: name for name, pk in enumerate(self.ids())}
        contacts = Contact.objects.for_account(self.account).order_by("pk")
        keys = MatchKey.objects.for_account(self.account).values_list("signature_id", "key", "contact_id")
        pairs = (
            ReviewItem.objects.for_account(self.account)
            .filter(contact__isnull=False)
            .values_list("contact_id", "other_id", "kind")
        )
        return {
            "ids": self.external_ids(),
            "values": {order[contact.pk]: contact.values for contact in contacts},
            "provenance": {order[contact.pk]: self._provenance(contact) for contact in contacts},
            "keys": _grouped((self.signatures[signature], key, order[contact]) for signature, key, contact in keys),
            "pairs": {(order[contact], order[other]): kind for contact, other, kind in pairs},
        }

    def _provenance(self, contact: Contact) -> dict[str, Any]:
        def writer(stamp: Stamp) -> tuple[str, str]:
            return self.names[stamp.writer.id_field], stamp.writer.external_id

        def before(entry: Before | None) -> Any:
            return None if entry is None else (entry.value, writer(entry.stamp))

        return {
            name: (writer(entry.stamp), entry.stamp.rule, before(entry.before), bool(entry.shared))
            for name, entry in decode(contact.provenance, contact.values).items()
        }


def _grouped(rows: Any) -> set[tuple[int, frozenset[int]]]:
    """Keys compared by who shares them under which rule: digests and texts differ, groups must not."""
    groups: dict[tuple[int, Any], set[int]] = {}
    for rule, key, contact in rows:
        groups.setdefault((rule, key), set()).add(contact)
    return {(rule, frozenset(contacts)) for (rule, _), contacts in groups.items()}


def _told(result: sync.Result, order: dict[str, int]) -> Outcome:
    if result.error is not None:
        candidates = tuple(order[contact] for contact in result.error.extra.get("candidates", ()))
        code = {"contact_not_found": "not_found"}.get(result.error.code, result.error.code)
        return Outcome(code, None, None, candidates=candidates)
    matched = result.matched_by or {}
    by = f"rule {matched['rule']}" if "rule" in matched else next(iter(matched), None)
    warnings = frozenset(_warning(warning, order) for warning in result.warnings)
    assert result.outcome is not None
    return Outcome(result.outcome, order[str(result.contact_id)], by, warnings)


def _warning(warning: dict[str, Any], order: dict[str, int]) -> tuple[Any, ...]:
    code = warning["code"]
    if code == "blocked_value":
        return code, warning["field"]
    if code == "value_too_common":
        return code, warning["rule"]
    return code, order[warning["contact"]], warning["rule"]
