"""What the admin's lists have for whom: their rows, filters, searches and autocompletes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import SimpleListFilter
from django.test import Client
from django.urls import reverse

from accounts.admin_site import site
from accounts.models import Account, AuditEvent
from accounts.tenancy.admin import OwnAccountFilter, PartnerScopedAdmin, own_rows
from accounts.tenancy.models import AccountOwned
from integrations.models import License
from tests.conftest import Cast, SignIn
from tests.rows import furnish

pytestmark = pytest.mark.django_db

SCOPED = {model: admin for model, admin in site._registry.items() if isinstance(admin, PartnerScopedAdmin)}


@pytest.fixture(autouse=True)
def _rows(cast: Cast) -> None:
    furnish(cast.account)
    furnish(cast.other_account)


def changelist(client: Client, model: Any, **asked: str) -> Any:
    response = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"), asked)
    return response.context["cl"]


def listed(client: Client, model: Any, **asked: str) -> set[Any]:
    """The primary keys that a list has."""
    return set(changelist(client, model, **asked).queryset.values_list("pk", flat=True))


def belonging_to(account: Account, model: Any) -> set[Any]:
    """The primary keys of an account's rows, without the code under test."""
    assert model in {Account, AuditEvent} or issubclass(model, AccountOwned)
    every = model._default_manager.values_list("pk", "pk" if model is Account else "account_id")
    return {pk for pk, account_id in every if account_id == account.pk}


def test_lists_are_exactly_the_own_rows(cast: Cast, sign_in: SignIn) -> None:
    for who in ("agent", "other_agent", "operator"):
        client = sign_in(getattr(cast, who))
        for model in site._registry if who == "operator" else SCOPED:
            every = model._default_manager.all()
            expected = set(own_rows(getattr(cast, who), every).values_list("pk", flat=True))
            found = listed(client, model)
            assert found == expected, (who, model)
            if who == "agent":
                assert found == belonging_to(cast.account, model), model
                assert found
                assert found != set(every.values_list("pk", flat=True)), model


def filtered(client: Client, cast: Cast, model: Any) -> Iterator[str]:
    """What the filters of a list offer, or find, of another partner's rows."""
    own = belonging_to(cast.account, model)
    specs = changelist(client, model).filter_specs
    for spec in (spec for spec in specs if isinstance(spec, SimpleListFilter)):
        for value, text in spec.lookup_choices:
            if cast.other_account.name in str(text):
                yield f"{model._meta.label}: the filter {spec.title} offers {text}"
            elif listed(client, model, **{str(spec.parameter_name): str(value)}) - own:
                yield f"{model._meta.label}: the filter {spec.title} finds others by {text}"


def searched(client: Client, cast: Cast, model: Any) -> Iterator[str]:
    """What a search of a list, and the autocompletes of its form, have of another partner's rows."""
    name, own = cast.other_account.name, belonging_to(cast.account, model)
    if listed(client, model, q=f'"{name}"') - own:
        yield f"{model._meta.label}: a search finds others"
    for field in site._registry[model].autocomplete_fields:
        source = {"app_label": model._meta.app_label, "model_name": str(model._meta.model_name), "field_name": field}
        for term in ("", name):
            answer = client.get(reverse("admin:autocomplete"), source | {"term": term}).json()
            if name in {each["text"] for each in answer["results"]}:
                yield f"{model._meta.label}: the autocomplete of {field} offers others by {term!r}"


def test_filters_searches_and_autocompletes_have_the_own_rows(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in(cast.agent)
    assert [leak for model in SCOPED for leak in filtered(client, cast, model)] == []
    assert [leak for model in SCOPED for leak in searched(client, cast, model)] == []
    assert sum(len(admin.autocomplete_fields) for admin in SCOPED.values()) >= 2


class PlantedOffer(OwnAccountFilter):
    """Offers every account there is."""

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [(str(account.number), account.name) for account in Account.objects.all()]


class PlantedFilter(SimpleListFilter):
    """Once chosen, forgets whose rows the list was of."""

    title = parameter_name = "planted"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [("all", "All")]

    def queryset(self, request: Any, queryset: Any) -> Any:
        return License.all_accounts.all() if self.value() else queryset


@pytest.mark.parametrize(
    ("planted", "says"),
    [(PlantedOffer, "the filter account offers {}"), (PlantedFilter, "the filter planted finds others by All")],
)
def test_a_planted_filter_is_found(
    planted: type, says: str, cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(site._registry[License]), "list_filter", (planted,))
    leaks = list(filtered(sign_in(cast.agent), cast, License))
    assert leaks == [f"integrations.License: {says.format(cast.other_account.name)}"]


def test_a_planted_autocomplete_is_found(cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(_admin: Any, _request: Any, _queryset: Any, term: str) -> tuple[Any, bool]:
        """Searches beside the rows that the list was narrowed to."""
        return Account.objects.filter(name__icontains=term.strip('"')), False

    monkeypatch.setattr(type(site._registry[Account]), "get_search_results", planted)
    client = sign_in(cast.agent)
    assert list(searched(client, cast, Account)) == ["accounts.Account: a search finds others"]
    for model in (model for model, admin in SCOPED.items() if admin.autocomplete_fields):
        assert len(list(searched(client, cast, model))) == 2
