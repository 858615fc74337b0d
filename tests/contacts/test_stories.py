"""What must be impossible, told as it happens to people: overwrite, swap, orphan, and an id field handed on."""

import pytest

from accounts.actor import SYSTEM
from accounts.errors import Conflict
from accounts.models import Account
from contacts.models import IdField, ReviewItem
from integrations.services import authentications
from tests import factories
from tests.system import System

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def shop(account: Account) -> System:
    """The first system, on the default id field."""
    return System(factories.authentication_for(account, system="Webshop"))


@pytest.fixture
def crm(account: Account) -> System:
    """The second system, on an id field of its own."""
    return System(factories.authentication_for(account, factories.id_field(account, "crmId"), system="CRM"))


def test_overwrite_the_shop_keeps_its_id_when_the_crm_knows_the_same_e_mail(shop: System, crm: System) -> None:
    # Jan buys something: the shop sends him as its customer 1001.
    jan = shop.send("1001", email="jan@example.com", firstName="Jan")["contact"]

    # The CRM has Jan as 7. The rule on e-mail finds him; his shop id must survive that.
    linked = crm.send("7", email="Jan@example.com", lastName="Jansen")
    assert linked["outcome"] == "linked"
    assert linked["contact"]["id"] == jan["id"]
    assert linked["contact"]["external_ids"] == {"externalCustomerId": ["1001"], "crmId": ["7"]}

    # Both find the same Jan by their own id, and both have told something about him.
    assert shop.find("1001")["id"] == crm.find("7")["id"] == jan["id"]
    assert shop.find("1001")["values"] == {
        "email": "Jan@example.com",
        "firstName": "Jan",
        "lastName": "Jansen",
    }


def test_overwrite_a_second_shop_customer_with_the_same_e_mail_gets_a_contact_of_their_own(
    account: Account, shop: System
) -> None:
    # A couple shares an e-mail address; in the shop they are two customers.
    jan = shop.send("1001", email="family@example.com", firstName="Jan")["contact"]
    an = shop.send("1002", email="family@example.com", firstName="An")

    # An is not linked to Jan, which would give him a second shop id, nor does she take his.
    assert an["outcome"] == "created"
    assert an["warnings"] == [{"code": "id_conflict", "contact": jan["id"], "rule": 1}]
    assert shop.find("1001")["values"]["firstName"] == "Jan"
    assert shop.find("1002")["values"]["firstName"] == "An"

    # A person will look at the pair.
    item = ReviewItem.objects.for_account(account).get()
    assert (str(item.contact_id), str(item.other_id), item.kind) == (jan["id"], an["contact"]["id"], "id_conflict")


def test_swap_two_systems_use_the_same_number_for_different_people(shop: System, crm: System) -> None:
    # 1001 is Jan in the shop, and Piet in the CRM.
    jan = shop.send("1001", email="jan@example.com", firstName="Jan")["contact"]
    piet = crm.send("1001", email="piet@example.com", firstName="Piet")["contact"]
    assert jan["id"] != piet["id"]

    # Each goes on updating its own 1001, and only that one.
    shop.send("1001", city="Ede")
    crm.send("1001", city="Goes")
    assert shop.find("1001")["values"] == {"email": "jan@example.com", "firstName": "Jan", "city": "Ede"}
    assert crm.find("1001")["values"] == {"email": "piet@example.com", "firstName": "Piet", "city": "Goes"}


def test_swap_people_exchange_their_e_mail_addresses_and_stay_who_they_are(shop: System, crm: System) -> None:
    jan = shop.send("1", email="jan@example.com")["contact"]
    piet = shop.send("2", email="piet@example.com")["contact"]
    crm.send("10", email="jan@example.com")

    # One batch in which each takes the other's address.
    shop.batch(
        [
            {"external_id": "1", "values": {"email": "piet@example.com"}},
            {"external_id": "2", "values": {"email": "jan@example.com"}},
        ]
    )
    assert shop.find("1")["id"] == crm.find("10")["id"] == jan["id"]
    assert shop.find("2")["id"] == piet["id"]


def test_orphan_a_system_always_finds_what_it_linked_whatever_the_others_do(shop: System, crm: System) -> None:
    # The CRM links to the shop's Jan.
    shop.send("1001", email="jan@example.com", firstName="Jan")
    jan = crm.send("7", email="jan@example.com")["contact"]["id"]

    # The shop gives Jan another address and afterwards drops him altogether.
    shop.send("1001", email="jan.new@example.com")
    assert crm.find("7")["id"] == jan
    assert shop.call("DELETE", "/contacts/1001").status_code == 204
    assert shop.call("GET", "/contacts/1001").status_code == 404

    # The CRM's next update still lands on Jan, not on a new contact and not on somebody else with that address.
    shop.send("2002", email="jan@example.com", firstName="Another Jan")
    updated = crm.send("7", email="jan@example.com", city="Ede")
    assert (updated["outcome"], updated["contact"]["id"]) == ("updated", jan)
    assert updated["matched_by"] == {"external_id": True}


def test_a_used_id_field_is_never_handed_to_another_system(account: Account, shop: System) -> None:
    # The shop has sent its customers and is revoked: it is to be replaced by another one.
    shop.send("1001", email="jan@example.com")
    authentications.revoke(authentication=shop.issued.authentication, by=SYSTEM)

    # The new shop numbers its customers anew; on the old field its 1001 would be the old one's Jan.
    field = factories.default_id_field(account)
    with pytest.raises(Conflict) as refused:
        factories.authentication_for(account, field, system="The new shop")
    assert refused.value.code == "id_field_of_other_system"
    assert "extra id field" in refused.value.detail
    unchanged = IdField.objects.for_account(account).get(pk=field.pk)
    assert (unchanged.source_system, unchanged.unique_data) == (field.source_system, field.unique_data) != (None, "")

    # The same shop may come back with a new key, and finds its customers.
    again = System(factories.authentication_for(account, field, system="Webshop"))
    assert again.find("1001")["values"] == {"email": "jan@example.com"}


def test_two_authentications_can_not_write_into_one_id_field(account: Account, shop: System) -> None:
    with pytest.raises(Conflict) as refused:
        factories.authentication_for(account, system="Webshop")
    assert refused.value.code == "id_field_taken"
