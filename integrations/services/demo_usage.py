"""Example data: a month in which two or three systems called, as the service that notes calls would have noted them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from django.utils import timezone

from integrations.models import Authentication
from integrations.services import usage
from integrations.services.usage import Call

DAYS = 30
SATURDAY = 5
BUSIEST = 9
"""Calls in an hour of a working day, at most."""
OPEN, CLOSED = 7, 19
"""The hours of a day, in UTC, in which a system calls."""
KINDS = (
    *[("POST", "api-contacts", 201)] * 4,
    *[("PATCH", "api-contact", 200)] * 8,
    *[("GET", "api-contact", 200)] * 6,
    ("GET", "api-changes", 200),
    ("POST", "api-contacts", 422),
    ("GET", "api-contact", 404),
)
"""Method, route and status of the calls, the usual ones several times."""


def seed_month(authentication: Authentication, address: str) -> None:
    """Notes and writes the calls of a system from an address over the last 30 days, the same at every installation,
    and that it was there."""
    now, last = timezone.now(), None
    chance = Random(str(authentication.id_field.source_system))  # noqa: S311 - example data
    for at in _times(chance, now):
        method, route, status = chance.choice(KINDS)
        is_read, contacts = method == "GET", int(status < 400)
        last = Call(at, method, route, status, contacts, address, "demo", chance.randint(4, 40))
        usage.record_call(
            key=authentication.key,
            call=last,
            secret_was_right=True,
            contacts_read=contacts if is_read else 0,
            contacts_written=0 if is_read else contacts,
        )
    usage.flush()
    if last is not None:
        rows = Authentication.objects.for_account(authentication.account_id).filter(pk=authentication.pk)
        rows.update(last_used_at=last.at, last_used_ip=address)


def _times(chance: Random, now: datetime) -> Iterator[datetime]:
    """When it called, in order; fewer at weekends."""
    first = (now - timedelta(days=DAYS - 1)).replace(minute=0, second=0, microsecond=0)
    for back in range(24 * DAYS):
        hour = first + timedelta(hours=back)
        most = BUSIEST if hour.weekday() < SATURDAY else BUSIEST // 3
        count = chance.randint(0, most) if OPEN <= hour.hour < CLOSED else chance.randint(0, 1)
        for second in sorted(chance.randrange(3600) for _ in range(count)):
            at = hour + timedelta(seconds=second)
            if at < now:
                yield at
