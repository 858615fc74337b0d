"""How recently a person proved who they are."""

import time
from datetime import timedelta

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.http import HttpRequest


def signed_in_recently(request: HttpRequest) -> bool:
    """Whether the person signed in, or confirmed it, within ACCOUNT_REAUTHENTICATION_TIMEOUT.

    allauth's own check does not count signing in itself, and so would ask for the password twice in a row.
    """
    if not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    latest = max((record["at"] for record in records), default=0)
    limit = timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
    return time.time() - float(latest) < limit.total_seconds()
