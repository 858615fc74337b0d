"""Contacts: the list, and the search as one types."""

import json
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from accounts.permissions import Capability
from accounts.sealing import InvalidToken, opened, sealed
from accounts.tenancy.views import AccountView
from contacts import search
from contacts.pages import Position
from contacts.search import Place
from contacts.services import search_index

PAGE = 50
PURPOSE = "contacts.search"


class ContactsView(AccountView):
    """All contacts, those that changed last first; or those that a text finds."""

    section = "contacts"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponse:
        query = " ".join(request.GET.get("q", "").split())
        after = read_place(request.GET.get("after", ""))
        missing = search_index.catch_up(account=self.account) if query else 0
        found = search.page(account_id=self.account.pk, query=query, after=after, size=PAGE)
        context = {
            "query": query,
            "found": found,
            "next": found.next and place_text(found.next),
            "is_first": after is None,
            "missing": missing,
            "id_fields": search.id_fields(self.account.pk),
        }
        return self.page("contacts/contacts.html", context)


def place_text(place: Position | Place) -> str:
    """Where the next page begins, as text that only we can make, or read: a name or an address may stand there, and
    addresses of pages end up in logs and histories."""
    begins = place.term if isinstance(place, Place) else place.updated_at.isoformat()
    return sealed(json.dumps([type(place).__name__, begins, place.contact_id.hex]), PURPOSE)


def read_place(text: str) -> Position | Place | None:
    """What `place_text` made; None, where the first page begins, for anything else."""
    try:
        kind, begins, contact = json.loads(opened(text, PURPOSE))
    except InvalidToken:
        return None
    if kind == Place.__name__:
        return Place(begins, UUID(contact))
    return Position(datetime.fromisoformat(begins), UUID(contact))
