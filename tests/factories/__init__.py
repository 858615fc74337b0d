"""Rows for tests, made the way the product makes them: through the services."""

from decimal import Decimal
from typing import Any

import factory

from accounts.actor import SYSTEM
from accounts.models import Account, Partner, PartnerStaff, Role, User
from accounts.services import accounts, members
from contacts.models import IdField, SourceSystem
from contacts.services import fields
from integrations.models import Integration, License, Price
from integrations.services import authentications, licenses

PASSWORD = "correct horse battery staple"


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.com")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> User:
        user: User = model_class.objects.create_user(password=PASSWORD, **kwargs)
        return user


class PartnerFactory(factory.django.DjangoModelFactory[Partner]):
    class Meta:
        model = Partner

    name = factory.Sequence(lambda n: f"Agency {n}")
    email = factory.Sequence(lambda n: f"desk{n}@agency.example")


class AccountFactory(factory.django.DjangoModelFactory[Account]):
    """An account with its contact base; `AccountFactory(owner=user)` makes that person an owner."""

    class Meta:
        model = Account

    partner = factory.SubFactory(PartnerFactory)
    name = factory.Sequence(lambda n: f"Customer {n}")
    country = "NL"
    currency = "EUR"
    time_zone = "Europe/Amsterdam"

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Account:
        owner = kwargs.pop("owner", None)
        account = accounts.open_account(by=SYSTEM, **kwargs)
        fields.set_up(account=account, by=SYSTEM)
        if owner is not None:
            members.add_member(account=account, user=owner, role=Role.OWNER, by=SYSTEM)
        return account


def partner_user(partner: Partner, **kwargs: Any) -> User:
    """A person of a partner's staff."""
    user = UserFactory.create(is_staff=True, **kwargs)
    PartnerStaff.objects.create(partner=partner, user=user)
    return user


def operator(**kwargs: Any) -> User:
    """A person who runs the installation."""
    return UserFactory.create(is_staff=True, is_superuser=True, **kwargs)


def rest_api() -> Integration:
    """The catalogue's REST API, at 49 euros a month."""
    integration, _ = Integration.objects.get_or_create(
        code=Integration.REST_API,
        defaults={"name": "REST API", "description": "Send and read contacts.", "is_available": True},
    )
    Price.objects.get_or_create(integration=integration, currency="EUR", defaults={"amount": Decimal("49.00")})
    return integration


def license_for(account: Account) -> License:
    """An active license for the REST API."""
    return licenses.buy(account=account, integration=rest_api(), by=SYSTEM)


def id_field(account: Account, name: str = "webshopCustomerId") -> IdField:
    """An extra id field."""
    return fields.add_id_field(account=account, name=name, label=name, by=SYSTEM)


def default_id_field(account: Account) -> IdField:
    row: IdField = IdField.objects.for_account(account).get(is_default=True)
    return row


def authentication_for(
    account: Account, field: IdField | None = None, *, system: str = "Shop", **access: Any
) -> authentications.Issued:
    """A live authentication (with its secret) on an id field, the default one unless given; buys a license first
    when there is none. `access` as authentications.Access."""
    if not License.objects.for_account(account).filter(active_until__isnull=True).exists():
        license_for(account)
    return authentications.issue(
        account=account,
        integration=rest_api(),
        id_field_id=(field or default_id_field(account)).pk,
        unique_data="Customer number",
        kind="other",
        system_name=system,
        is_same_system=SourceSystem.objects.for_account(account).filter(name=system).exists(),
        access=authentications.Access(**access),
        by=SYSTEM,
    )
