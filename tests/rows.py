"""One row of everything for an account, made through the services, so that there is something not to be seen."""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from django.utils import timezone

from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from contacts.models import Contact, ContactBook, Export, IdField, Import, Job, Preview, PreviewPair, ReviewItem
from contacts.services import exports, files, imports, sync
from contacts.services.sync import Origin, Record
from integrations.models import License, Request
from integrations.services import requests, usage
from integrations.services.authentications import Issued
from tests.factories import authentication_for, default_id_field, id_field


@dataclass(frozen=True)
class Rows:
    """What an account has. In the default id field every account has the external ids 1 and 2, each with a contact of
    its own, and one that is only there: its number."""

    account: Account
    license: License
    issued: Issued
    read_only: Issued
    request: Request
    id_field: IdField
    contact: Contact
    review_item: ReviewItem
    preview_pair: PreviewPair
    import_: Import
    export: Export
    event: AuditEvent


def use(key: str, *, status: int = 200, times: int = 1, at: datetime | None = None) -> None:
    """Has made requests with a key, each of which read two contacts, or was refused."""
    for number in range(times):
        call = usage.Call(
            at=at or timezone.now(),
            method="GET",
            route="api-contacts",
            status=status,
            contacts=2 if status < 400 else 0,
            address="192.0.2.7",
            request_id=f"request-{number}",
            milliseconds=4,
        )
        usage.record_call(key=key, call=call, secret_was_right=True, contacts_read=call.contacts)
    usage.flush()


def furnish(account: Account) -> Rows:
    """Gives an account a license, two authentications, a request, two contacts, and a doubt about them."""
    field = default_id_field(account)
    issued = authentication_for(account, field)
    license_ = License.objects.for_account(account).get()
    records = [
        Record(external_id=number, values={"email": f"{number}@{account.number}.example", "firstName": f"N{number}"})
        for number in ("1", "2", str(account.number))
    ]
    origin = Origin(issued.authentication.pk, "request")
    sync.write(account_id=account.pk, id_field_id=field.pk, records=records, origin=origin)
    contacts = Contact.objects.for_account(account)
    older, newer, _ = contacts.order_by("pk")
    book = ContactBook.objects.for_account(account).get()
    review_item = ReviewItem.objects.for_account(account).create(
        kind=ReviewItem.Kind.POSSIBLE_DUPLICATE, contact=older, other=newer, rule_set_id=book.rule_set_id, rule=1
    )
    previewed = Job.objects.for_account(account).create(
        task="contacts.services.previews.run", state=Job.State.COMPLETED, ended_at=timezone.now(), created_by="system"
    )
    preview = Preview.objects.for_account(account).create(rule_set_id=book.rule_set_id, job=previewed)
    preview_pair = PreviewPair.objects.for_account(account).create(
        preview=preview, rule=1, contact_id=older.pk, other_id=newer.pk, id_field=field
    )
    use(issued.authentication.key)
    file = files.receive(account_id=account.pk, read=BytesIO(b"external_id\n1\n").read, limit=100, seen=len)
    return Rows(
        account=account,
        license=license_,
        issued=issued,
        read_only=authentication_for(account, id_field(account, "readerId"), system="Reader", read_only=True),
        request=requests.ask_to_deactivate(license=license_, reason="We stop.", by=SYSTEM),
        id_field=field,
        contact=older,
        review_item=review_item,
        preview_pair=preview_pair,
        export=exports.begin(account=account, format_="csv", by=SYSTEM),
        import_=imports.begin(
            account=account,
            id_field_id=field.pk,
            authentication_id=issued.authentication.pk,
            file=file,
            read_as=imports.Settings("csv"),
            by=SYSTEM,
        ),
        event=AuditEvent.objects.filter(account_id=account.pk).latest("pk"),
    )
