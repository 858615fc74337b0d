"""What the pages of the admin have in common."""

import re

import pytest
from django.test import Client

from tests.conftest import Cast, SignIn
from tests.factories import operator

pytestmark = pytest.mark.django_db


def test_pages_are_called_as_what_they_show_and_the_way_there_is_links(cast: Cast, sign_in: SignIn) -> None:
    client, account = sign_in(cast.agent), cast.account
    rows = "/admin/accounts/account/"
    for address, heading, way in (
        (rows, "Accounts", ["/admin/"]),
        (f"{rows}{account.pk}/change/", account.name, ["/admin/", rows]),
        (f"{rows}add/", "Add account", ["/admin/", rows]),
        (f"{rows}{account.pk}/suspend/", "Suspend the account", ["/admin/", rows, f"{rows}{account.pk}/change/"]),
        (f"{rows}{account.pk}/history/", f"History: {account}", ["/admin/", rows, f"{rows}{account.pk}/change/"]),
        ("/admin/contacts/", "Contacts", ["/admin/"]),
    ):
        page = client.get(address).text
        assert re.findall(r"<h1>\s*(.*?)\s*</h1>", page) == [heading], address
        trail = page[page.index('class="breadcrumbs"') :]
        assert re.findall('href="([^"]*)"', trail[: trail.index("</div>")]) == way, address
        assert "<h2>" not in page[page.index("<h1>") : page.index("<h1>") + 200], address


def test_every_app_has_a_page_of_its_name(client: Client) -> None:
    client.force_login(operator())
    found = re.findall(r'href="(/admin/\w+/)"', client.get("/admin/").text)
    assert "/admin/usersessions/" in found
    for address in set(found):
        page = client.get(address).text
        assert re.findall(r"<h1>\s*(.+?)\s*</h1>", page), address
