"""Example data for trying Concord out on one's own machine: companies, people, and contacts of two systems."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from accounts.actor import SYSTEM, Actor
from accounts.models import Account, AuditEvent, Partner, Role, User
from accounts.services import accounts, audit, members, partners, people
from contacts import normalise
from contacts.catalogue import BUILT_IN_FIELDS, DEFAULT_ID_FIELD
from contacts.models import IdField
from contacts.services import fields, sync
from integrations.models import Authentication, Integration
from integrations.services import authentications, catalogue, licenses
from integrations.services.demo_usage import seed_month

SEEDED = "demo.seeded"
TYPES = {name: type_ for name, _, type_ in BUILT_IN_FIELDS}
PRICES = {"EUR": Decimal("49.00"), "USD": Decimal("55.00"), "GBP": Decimal("45.00")}


@dataclass(frozen=True, slots=True)
class Person:
    """A sign-in of the demo: `face` is where it leads, `does` what there is to see."""

    email: str
    name: str
    face: str
    does: str
    is_staff: bool = False
    is_superuser: bool = False


OWNER = Person("owner@concord.example", "Olga Owner", "/", "owner of Bloom & Branch, admin of Harbour Cycles")
VIEWER = Person("viewer@concord.example", "Victor Viewer", "/", "viewer of Bloom & Branch")
NEIGHBOUR = Person("neighbour@concord.example", "Nadia Neighbour", "/", "owner of Harbour Cycles and Summit Outfitters")
PARTNER = Person(
    "partner@concord.example",
    "Paul Partner",
    "/admin/",
    "Lantern Agency, partner of Bloom & Branch and Harbour Cycles",
    is_staff=True,
)
OTHER_PARTNER = Person(
    "otherpartner@concord.example",
    "Petra Partner",
    "/admin/",
    "Northgate Consulting, partner of Summit Outfitters",
    is_staff=True,
)
OPERATOR = Person(
    "operator@concord.example",
    "Otto Operator",
    "/admin/",
    "operator: catalogue, prices, partners, people",
    is_staff=True,
    is_superuser=True,
)
PEOPLE = (OWNER, VIEWER, NEIGHBOUR, PARTNER, OTHER_PARTNER, OPERATOR)


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to sign in as a person of the demo; no password when they have changed it or are gone."""

    person: Person
    password: str | None


def sign_ins() -> list[SignIn]:
    """The people of the demo, each with the password that works now."""
    users = {user.email: user for user in User.objects.filter(email__in=[person.email for person in PEOPLE])}
    result = []
    for person in PEOPLE:
        user, password = users.get(person.email), _password(person)
        works = user is not None and user.is_active and user.check_password(password)
        result.append(SignIn(person, password if works else None))
    return result


def _password(person: Person) -> str:
    """About 75 random bits, the same at every start: derived from this installation's own seed."""
    digest = hmac.digest(settings.DEMO_PASSWORD_SEED.encode(), person.email.encode(), hashlib.sha256)
    text = base64.b32encode(digest).decode().lower()
    return "-".join(text[start : start + 5] for start in (0, 5, 10))


@transaction.atomic
def seed() -> bool:
    """Writes the example data, once in an installation's life: whatever people changed since then stays.

    Returns whether it wrote anything. All or nothing, so that an interrupted first start leaves nothing behind.
    """
    if AuditEvent.objects.filter(action=SEEDED).exists():
        return False
    integration = _catalogue()
    users = {person: _user(person) for person in PEOPLE}
    lantern = _partner("Lantern Agency", "desk@lantern.example", users[PARTNER])
    northgate = _partner("Northgate Consulting", "desk@northgate.example", users[OTHER_PARTNER])
    bloom = _account(lantern, "Bloom & Branch", "NL", "EUR", "Europe/Amsterdam")
    harbour = _account(lantern, "Harbour Cycles", "GB", "GBP", "Europe/London")
    summit = _account(northgate, "Summit Outfitters", "US", "USD", "America/New_York")
    for account, person, role in (
        (bloom, OWNER, Role.OWNER),
        (bloom, VIEWER, Role.VIEWER),
        (harbour, NEIGHBOUR, Role.OWNER),
        (harbour, OWNER, Role.ADMIN),
        (summit, NEIGHBOUR, Role.OWNER),
    ):
        members.add_member(account=account, user=users[person], role=role, by=SYSTEM)
    by = Actor(label=NEIGHBOUR.email, user_id=users[NEIGHBOUR].pk)
    _feed_harbour(harbour, integration, by)
    _feed_summit(summit, integration, by)
    audit.record(account=None, action=SEEDED, object_id="", object_label="Example data", by=SYSTEM)
    return True


def _catalogue() -> Integration:
    """The REST API, with a price in each currency that has none yet."""
    integration = Integration.objects.get(code=Integration.REST_API)
    own = dict(integration.prices.values_list("currency", "amount"))
    catalogue.set_prices(integration=integration, prices=PRICES | own, by=SYSTEM)
    return integration


def _user(person: Person) -> User:
    return people.add_user(
        email=person.email,
        name=person.name,
        is_staff=person.is_staff,
        is_superuser=person.is_superuser,
        password=_password(person),
        by=SYSTEM,
    )


def _partner(name: str, email: str, user: User) -> Partner:
    partner = partners.save_partner(partner=None, name=name, email=email, phone="", by=SYSTEM)
    partners.add_staff(partner=partner, user=user, by=SYSTEM)
    return partner


def _account(partner: Partner, name: str, country: str, currency: str, time_zone: str) -> Account:
    account = accounts.open_account(
        partner=partner, name=name, country=country, currency=currency, time_zone=time_zone, by=SYSTEM
    )
    fields.set_up(account=account, by=SYSTEM)
    return account


def _feed_harbour(account: Account, integration: Integration, by: Actor) -> None:
    """Two systems that share some customers, one of whom is in the webshop twice."""
    licenses.buy(account=account, integration=integration, by=by)
    crm = _connect(account, integration, _default_id_field(account), "hubspot", "Contact id", by)
    webshop_ids = fields.add_id_field(account=account, name="webshopCustomerId", label="Webshop customer id", by=by)
    webshop = _connect(account, integration, webshop_ids, "shopify", "Customer number", by)
    _send(
        crm,
        [
            _record("H-1001", "Amelia", "Hart", "amelia.hart@mail.example", city="Bristol", phone="+441174960101"),
            _record("H-1002", "Oliver", "Reed", "oliver.reed@mail.example", city="Leeds", phone="+441134960102"),
            _record("H-1003", "Isla", "Grant", "isla.grant@mail.example", city="Edinburgh"),
            _record("H-1004", "George", "Webb", "george.webb@mail.example", city="Cardiff"),
            _record("H-1005", "Zoë", "O'Brien", "zoe.obrien@mail.example", city="Belfast", phone="+442890960105"),
        ],
    )
    _send(
        webshop,
        [
            _record("W-7", "Amelia", "Hart", "Amelia.Hart@mail.example", city="Bath"),
            _record("W-9", "Amelia", "Hart", "amelia.hart@mail.example", city="Bath"),
            _record("W-12", "Isla", "Grant-Moore", "isla.grant@mail.example", city="Edinburgh"),
            _record("W-15", "Freya", "Lowe", "freya.lowe@mail.example", city="York", phone="+441904960115"),
        ],
    )
    seed_month(crm, "192.0.2.10")
    seed_month(webshop, "198.51.100.24")


def _feed_summit(account: Account, integration: Integration, by: Actor) -> None:
    """One system, with an address that a person of Harbour Cycles has too: accounts never meet."""
    licenses.buy(account=account, integration=integration, by=by)
    erp = _connect(account, integration, _default_id_field(account), "netsuite", "Customer id", by)
    _send(
        erp,
        [
            _record("20001", "Ethan", "Cole", "ethan.cole@mail.example", city="Boston", phone="+16175550101"),
            _record("20002", "Mia", "Alvarez", "mia.alvarez@mail.example", city="Albany"),
            _record("20003", "Amelia", "Hart", "amelia.hart@mail.example", city="Portland"),
        ],
    )
    seed_month(erp, "203.0.113.7")


def _default_id_field(account: Account) -> IdField:
    id_field: IdField = IdField.objects.for_account(account).get(name=DEFAULT_ID_FIELD[0])
    return id_field


def _connect(
    account: Account, integration: Integration, id_field: IdField, kind: str, unique_data: str, by: Actor
) -> Authentication:
    """An authentication for a system. Nobody sees its secret: rather make your own."""
    return authentications.issue(
        account=account,
        integration=integration,
        id_field_id=id_field.pk,
        unique_data=unique_data,
        kind=kind,
        system_name="",
        by=by,
    ).authentication


def _record(external_id: str, first: str, last: str, email: str, *, city: str, phone: str = "") -> sync.Record:
    given = {"firstName": first, "lastName": last, "email": email, "city": city, "phoneNumber": phone}
    values = {name: normalise.stored(normalise.Field(TYPES[name]), value) for name, value in given.items() if value}
    return sync.Record(external_id=normalise.external_id(external_id), values=values)


def _send(authentication: Authentication, records: Sequence[sync.Record]) -> None:
    """Raises the error of a record that the engine refuses: the example data are wrong then."""
    results: Iterable[sync.Result] = sync.write(
        account_id=authentication.account_id,
        id_field_id=authentication.id_field_id,
        records=records,
        origin=sync.Origin(authentication_id=authentication.pk, request_id="demo"),
    )
    for result in results:
        if result.error is not None:
            raise result.error
