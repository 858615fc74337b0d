"""Every model whose rows belong to an account stands on AccountOwned, and its keys begin with the account."""

from typing import Any

from django.apps import apps
from django.db import models

from accounts.models import Account
from accounts.tenancy.models import AccountOwned
from accounts.tenancy.querysets import Door
from tests.architecture.code import settle

APPS = ("accounts", "contacts", "integrations")

NOT_OWNED = {
    "accounts.AuditEvent": "holds a copy of the account's number and no foreign key, so that nothing rewrites history",
}

# Unique keys and indexes of accounts' rows that begin with something else
NOT_ACCOUNT_FIRST = {
    "contacts.Export.job": "a one-to-one: the job is the account's",
    "contacts.Import.job": "a one-to-one: the job is the account's",
    "contacts.Preview.job": "a one-to-one: the job is the account's",
    "contacts.Preview.rule_set": "a one-to-one: the rule set is the account's",
    "contacts_job_under_way": "rescued whosever they are",
    "contacts_job_paused": "rescued whosever they are",
    "contacts_idempotencykey_age": "old ones are deleted, whose they may be",
    "integrations.Authentication.key": "looked up before any account is known",
    "integrations.License.charge": "a one-to-one: the charge is the account's",
    "integrations_authentication_one_live": "an id field is one account's, and has one live authentication",
    "integrations_request_one_open": "a license is one account's, and has one open request of a kind",
}

# Constraints and indexes not called <app>_<model>_…
OTHER_NAMES = {
    "contacts_idempotency_contact": "an index name has at most 30 characters",
}


def ours() -> list[type[models.Model]]:
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


def owned() -> list[type[AccountOwned]]:
    return [model for model in ours() if issubclass(model, AccountOwned)]


def names_an_account(model: type[models.Model]) -> bool:
    return any(field.attname == "account_id" or field.related_model is Account for field in model._meta.concrete_fields)


def faults(model: type[models.Model]) -> list[str]:
    """What is wrong with the managers and the foreign key of a model on AccountOwned."""
    meta: Any = model._meta
    account = meta.get_field("account")
    checks = {
        "all_accounts is not the default manager": meta.default_manager_name == "all_accounts",
        "all_accounts is not the base manager": meta.base_manager_name == "all_accounts",
        "all_accounts is not a plain manager": type(meta.managers_map["all_accounts"]) is models.Manager,
        "objects is no door": isinstance(meta.managers_map["objects"], Door),
        "account does not protect": account.remote_field.on_delete is models.PROTECT,
        "account may be empty": not account.null,
        "account has rows by name": account.remote_field.hidden,
    }
    return [f"{meta.label}: {what}" for what, fine in checks.items() if not fine]


def keys_without_account(model: type[models.Model]) -> list[str]:
    """Unique constraints, indexes and unique fields that do not begin with the account."""
    meta: Any = model._meta
    named = [(each.name, list(getattr(each, "fields", ()))) for each in [*meta.constraints, *meta.indexes]]
    found = [name for name, fields in named if fields and fields[0] != "account"]
    single = [field for field in meta.concrete_fields if not field.primary_key]
    unique = [field for field in single if field.unique or (field.db_index and not field.is_relation)]
    return found + [f"{meta.label}.{field.name}" for field in unique]


def test_every_row_that_names_an_account_is_owned_by_it() -> None:
    settle((m._meta.label for m in ours() if names_an_account(m) and not issubclass(m, AccountOwned)), NOT_OWNED)


def test_every_owned_model_has_the_door_and_the_plain_manager() -> None:
    assert len(owned()) > 10
    assert [fault for model in owned() for fault in faults(model)] == []


def test_keys_begin_with_the_account() -> None:
    settle((name for model in owned() for name in keys_without_account(model)), NOT_ACCOUNT_FIRST)


def test_constraints_are_named_after_their_model() -> None:
    named = [(model, each.name) for model in ours() for each in [*model._meta.constraints, *model._meta.indexes]]
    settle(
        (name for model, name in named if not name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_")),
        OTHER_NAMES,
    )


def test_planted_models_are_found() -> None:
    class Loose(models.Model):  # noqa: DJ008 - nobody reads it
        account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="loose")
        code = models.CharField(max_length=5, unique=True)
        objects: Any = models.Manager()
        all_accounts: Any = Door()

        class Meta:
            app_label = "planted"
            constraints = (models.UniqueConstraint(fields=("code", "account"), name="loose_once"),)

    try:
        assert names_an_account(Loose)
        assert not issubclass(Loose, AccountOwned)
        assert len(faults(Loose)) == 6
        assert keys_without_account(Loose) == ["loose_once", "planted.Loose.code"]
    finally:
        del apps.all_models["planted"]
        apps.clear_cache()
