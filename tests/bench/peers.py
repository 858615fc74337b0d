"""The peers of P2 and P3: what else the ORM offers to upsert contacts and their ids, and nothing but these.

By Django's own manager: the checks of the account-scoped one would make the peers slower than what they stand for.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction

from contacts.models import Contact, ExternalId, Write
from contacts.overlay import Record
from tests.bench.mix import Base, chunks

contacts, ids = Contact.all_accounts, ExternalId.all_accounts


def _known(base: Base, records: Sequence[Record]) -> dict[str, UUID]:
    own = ids.filter(account=base.account, id_field=base.shop, value__in=[each.external_id for each in records])
    return dict(own.values_list("value", "contact_id"))


def _write(base: Base) -> Write | None:
    """Any write of the account: the ids must name one."""
    return Write.all_accounts.filter(account=base.account).first()


def _new_ids(base: Base, write: Write | None, rows: Iterable[tuple[str, Contact]]) -> list[ExternalId]:
    return [
        ExternalId(account=base.account, id_field=base.shop, value=own, contact=contact, write=write)
        for own, contact in rows
    ]


def with_update_conflicts(base: Base, records: Sequence[Record]) -> None:
    """In chunks, by `bulk_create(update_conflicts=True)`."""
    write = _write(base)
    for chunk in chunks(records):
        with transaction.atomic():
            known = _known(base, chunk)
            rows = [
                Contact(account=base.account, values=each.values)
                if (found := known.get(each.external_id)) is None
                else Contact(id=found, account=base.account, values=each.values)
                for each in chunk
            ]
            contacts.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=["values", "version"])
            ids.bulk_create(
                _new_ids(base, write, zip([each.external_id for each in chunk], rows, strict=True)),
                update_conflicts=True,
                unique_fields=["account", "id_field", "value"],
                update_fields=["contact"],
            )


def with_bulk_update(base: Base, records: Sequence[Record]) -> None:
    """In chunks, `bulk_create` for those that are not there yet, `bulk_update` for the others."""
    write = _write(base)
    for chunk in chunks(records):
        with transaction.atomic():
            known = _known(base, chunk)
            there = [
                Contact(id=known[each.external_id], account=base.account, values=each.values)
                for each in chunk
                if each.external_id in known
            ]
            new = [
                (each.external_id, Contact(account=base.account, values=each.values))
                for each in chunk
                if each.external_id not in known
            ]
            contacts.bulk_update(there, ["values"])
            contacts.bulk_create([contact for _, contact in new])
            ids.bulk_create(_new_ids(base, write, new))


def row_by_row(base: Base, records: Sequence[Record]) -> None:
    """By `update_or_create`, a transaction a record."""
    write = _write(base)
    for each in records:
        with transaction.atomic():
            contact, _ = contacts.update_or_create(
                id=_known(base, [each]).get(each.external_id),
                account=base.account,
                defaults={"values": each.values},
            )
            ids.update_or_create(
                account=base.account,
                id_field=base.shop,
                value=each.external_id,
                defaults={"contact": contact},
                create_defaults={"contact": contact, "write": write},
            )
