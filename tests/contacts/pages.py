"""Asking for the pages about contacts, and reading what they say."""

import html
import re
from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.actor import SYSTEM, Actor
from accounts.models import Role
from accounts.services import members
from contacts.models import Contact
from contacts.services import merges
from tests.contacts.world import SYSTEMS, Sent, World
from tests.factories import UserFactory

SHOP, CRM, _ = SYSTEMS
BY = Actor(label="olga@example.com")


def jan_and_piet() -> World:
    """Jan of the shop, whom the CRM was linked to by rule and whose city it changed; and Piet of the CRM."""
    world = World()
    world.write(
        SHOP, [Sent("1001", {"email": "jan@example.com", "firstName": "Jan", "lastName": "Smit", "city": "Ede"})]
    )
    world.write(CRM, [Sent("77", {"email": "jan@example.com", "city": "Epe"})])
    world.write(CRM, [Sent("78", {"email": "piet@example.com", "firstName": "Piet"})])
    return world


def values(world: World, name: int) -> dict[str, Any]:
    """What a contact of the world has, by its name there."""
    found: dict[str, Any] = Contact.objects.for_account(world.account).get(pk=world.id_of(name)).values
    return found


def merge(world: World, survivor: int, loser: int) -> None:
    """Merges two contacts of the world."""
    merges.merge(account=world.account, survivor_id=world.id_of(survivor), loser_id=world.id_of(loser), by=BY)


def path(world: World, name: str = "contact", **more: Any) -> str:
    return reverse(f"contacts-{name}", kwargs={"account_number": world.account.number, **more})


def contact_path(world: World, contact: int, action: str = "") -> str:
    """The page of a contact by its name in the world, or of an action on it."""
    return path(world, f"contact-{action}" if action else "contact", pk=world.id_of(contact))


def member(world: World, role: Role = Role.OWNER) -> Client:
    """A browser that a new member of the account has signed in with."""
    user, client = UserFactory.create(), Client()
    members.add_member(account=world.account, user=user, role=role, by=SYSTEM)
    client.force_login(user)
    return client


def _main(page: Any) -> str:
    """The page without what frames it; of a dialog all."""
    text: str = page.text
    return text[max(text.find("<main"), 0) :]


def said(page: Any) -> str:
    """A page's text without its tags."""
    text = _main(page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text))).replace(" ,", ",").replace(" .", ".")


def form_of(page: Any) -> dict[str, Any]:
    """What the forms of a page send as it stands: inputs, texts and choices that are made; several as a list."""
    text = _main(page)
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", text):
        given = {key: html.unescape(value) for key, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        is_off = given.get("type") in {"radio", "checkbox"} and not re.search(r"\schecked\b", tag)
        if "name" not in given or is_off or given["name"] == "csrfmiddlewaretoken":
            continue
        if given.get("type") == "checkbox":
            found.setdefault(given["name"], []).append(given["value"])
        else:
            found[given["name"]] = given.get("value", "")
    for name, inside in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', text, re.DOTALL):
        found[name] = html.unescape(inside)
    for name, inside in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]*\sselected', inside)
        found[name] = html.unescape(chosen[1]) if chosen else ""
    return found
