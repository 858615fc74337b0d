"""The example data: all or nothing, once."""

from datetime import UTC, datetime

import pytest
import time_machine

from accounts.errors import ValidationFailed
from accounts.models import Account, AuditEvent, Membership, Partner, Role, User
from contacts.models import Contact, ExternalId, ReviewItem
from integrations.models import Authentication, Integration, License, Price
from integrations.queries_usage import failing, recent_calls, usage_of
from integrations.services import demo

pytestmark = pytest.mark.django_db


def account(name: str) -> Account:
    return Account.objects.get(name=name)


def test_it_leaves_the_first_journey_to_be_walked() -> None:
    assert demo.seed()
    bloom = account("Bloom & Branch")
    assert not License.objects.for_account(bloom).exists()
    assert Price.objects.filter(integration__code=Integration.REST_API).count() == 3
    assert Integration.objects.filter(is_available=False).exists()


def test_every_account_has_an_owner_and_one_person_sees_two_accounts() -> None:
    demo.seed()
    for each in Account.objects.all():
        assert Membership.objects.for_account(each).filter(role=Role.OWNER).exists()
    assert Membership.all_accounts.filter(user__email=demo.OWNER.email).count() == 2


def test_two_systems_of_an_account_share_contacts_and_another_account_does_not() -> None:
    demo.seed()
    harbour, summit = account("Harbour Cycles"), account("Summit Outfitters")
    assert Authentication.objects.for_account(harbour).live().count() == 2
    shared = ExternalId.objects.for_account(harbour).get(value="H-1001").contact_id
    assert ExternalId.objects.for_account(harbour).get(value="W-7").contact_id == shared
    assert ReviewItem.objects.for_account(harbour).exists()
    assert Contact.objects.for_account(summit).count() == 3


def test_each_system_has_called_for_a_month_and_none_fails() -> None:
    with time_machine.travel(datetime(2026, 11, 25, 12, 30, tzinfo=UTC), tick=False):
        demo.seed()
        harbour = account("Harbour Cycles")
        crm, webshop = Authentication.objects.for_account(harbour).order_by("created_at")
        used = usage_of(harbour, [crm, webshop])
        assert not failing(Account.objects.all())
    for authentication, requests in ((crm, 1525), (webshop, 1465)):
        days = used[authentication.pk].days
        assert (len(days), min(day.requests for day in days) > 0) == (30, True)
        assert used[authentication.pk].requests == requests
        assert 0 < used[authentication.pk].errors < requests / 5
        assert sum(day.contacts_written for day in days) > sum(day.contacts_read for day in days) > 0
        calls = recent_calls(authentication)
        assert len(calls) == 100
        assert calls[0].row.at == authentication.last_used_at < datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
        assert {each.call for each in calls} >= {"POST /contacts", "GET /contacts/{external_id}"}


def test_a_second_time_changes_nothing() -> None:
    assert demo.seed()
    counts = [model.objects.count() for model in (Account, Partner, User, AuditEvent, Price)]
    Partner.objects.filter(name="Lantern Agency").update(name="Renamed")
    assert not demo.seed()
    assert counts == [model.objects.count() for model in (Account, Partner, User, AuditEvent, Price)]


def test_a_first_time_that_breaks_off_leaves_nothing_behind_and_can_be_repeated() -> None:
    in_the_way = Partner.objects.create(name="Northgate Consulting", email="desk@example.com")
    with pytest.raises(ValidationFailed):
        demo.seed()
    assert not User.objects.exists()
    assert not Price.objects.exists()
    in_the_way.delete()
    assert demo.seed()


def test_the_passwords_work_until_they_are_changed() -> None:
    demo.seed()
    shown = {sign_in.person: sign_in.password for sign_in in demo.sign_ins()}
    assert len(set(shown.values())) == len(demo.PEOPLE)
    for person, password in shown.items():
        assert password is not None
        assert User.objects.get(email=person.email).check_password(password)
    viewer = User.objects.get(email=demo.VIEWER.email)
    viewer.set_password("something else altogether")
    viewer.save()
    User.objects.get(email=demo.OPERATOR.email).delete()
    now = {sign_in.person: sign_in.password for sign_in in demo.sign_ins()}
    assert now == shown | {demo.VIEWER: None, demo.OPERATOR: None}


def test_a_price_that_exists_is_kept() -> None:
    integration = Integration.objects.get(code=Integration.REST_API)
    Price.objects.create(integration=integration, currency="EUR", amount=12)
    demo.seed()
    assert Price.objects.get(integration=integration, currency="EUR").amount == 12
