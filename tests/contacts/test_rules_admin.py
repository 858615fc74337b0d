"""The partner's pages of rules: a draft, its preview, publishing, restoring."""

import csv
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from contacts import rule_sets
from contacts.models import ExternalId, Policy, Preview, PreviewPair, ReviewItem, RuleSet
from contacts.services import rules
from tests import factories
from tests.conftest import Cast, SignIn
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.django_db

RULE_SET = "/admin/contacts/ruleset/{}/{}/"


@pytest.fixture
def account(cast: Cast) -> Account:
    """Jan and Piet share a telephone, under the rule [email]."""
    crm = System(factories.authentication_for(cast.account, system="CRM"))
    shop = System(factories.authentication_for(cast.account, factories.id_field(cast.account), system="Shop"))
    crm.send("jan", email="jan@example.com", phoneNumber="0612345678", firstName="Jan")
    crm.send("piet", email="piet@example.com", phoneNumber="0612345678", firstName="Piet")
    shop.send("W1", email="info@example.com", phoneNumber="0612345678", firstName="Jan")
    return cast.account


@pytest.fixture
def agent(cast: Cast, sign_in: SignIn) -> Client:
    return sign_in(cast.agent)


def rule_set(account: Account, number: int) -> RuleSet:
    row: RuleSet = RuleSet.objects.for_account(account).get(number=number)
    return row


def answers(**changed: Any) -> dict[str, Any]:
    return {
        "place_1": "1",
        "rule_1_1": "email",
        "policy": "create",
        "blocked": "",
        "phone_region": "NL",
        **changed,
    }


def drafted(agent: Client, account: Account, **changed: Any) -> RuleSet:
    """A draft with its preview."""
    answer = agent.post(RULE_SET.format(rule_set(account, 1).pk, "draft"), answers(**changed))
    made = rule_set(account, 2)
    assert answer["Location"] == RULE_SET.format(made.pk, "change"), answer.content
    work()
    return made


class TestDrafts:
    def test_it_begins_with_what_the_rules_say(self, agent: Client, account: Account) -> None:
        draft = rules.Draft(
            rules=[["phoneNumber", "lastName"], ["email"]],
            blocked={"email": ["info@example.com"]},
            folds_plus_tags=True,
        )
        current = rules.publish(account=account, draft=draft, by=SYSTEM)
        form = agent.get(RULE_SET.format(current.pk, "draft")).context["form"]
        assert [[field.value() for field in row] for row in form.rows] == [
            [1, "phoneNumber", "lastName", "", "", ""],
            [2, "email", "", "", "", ""],
            [3, "", "", "", "", ""],
            [4, "", "", "", "", ""],
        ]
        assert [field.value() for field in form.others] == ["create", True, "email: info@example.com", "NL"]

    def test_rules_are_added_moved_and_removed_by_filling_in(self, agent: Client, account: Account) -> None:
        made = drafted(
            agent,
            account,
            place_1="3",
            place_2="1",
            rule_2_2="lastName",
            rule_2_1="phoneNumber",
            place_3="2",
            rule_3_3="city",
            place_4="4",
            folds_plus_tags="on",
            blocked="email: info@example.com\n\n email :x@example.com",
            phone_region="be",
        )
        assert rules.draft_of(rule_set=made) == rules.Draft(
            rules=[["phoneNumber", "lastName"], ["city"], ["email"]],
            blocked={"email": ["info@example.com", "x@example.com"]},
            folds_plus_tags=True,
            phone_region="BE",
        )

    @pytest.mark.parametrize(
        ("changed", "field", "said"),
        [
            ({"rule_1_1": ""}, "__all__", "Give one to 10 rules"),
            ({"rule_1_2": "email"}, "__all__", "names a contact field twice"),
            ({"rule_1_1": "nothing"}, "rule_1_1", "valid choice"),
            ({"place_1": "first"}, "place_1", "whole number"),
            ({"policy": "x"}, "policy", "valid choice"),
            ({"phone_region": "XX"}, "phone_region", "two letters"),
            ({"blocked": "info@example.com"}, "blocked", "a colon and a value"),
            ({"blocked": "shoe: 44"}, "blocked", "no contact field"),
        ],
    )
    def test_what_is_wrong_is_said_where_it_is(
        self, agent: Client, account: Account, changed: dict[str, str], field: str, said: str
    ) -> None:
        answer = agent.post(RULE_SET.format(rule_set(account, 1).pk, "draft"), answers(**changed))
        [error] = answer.context["form"].errors[field]
        assert said in error
        assert not RuleSet.objects.for_account(account).filter(number=2).exists()

    def test_a_rule_of_one_name_is_warned_of_and_what_is_too_common_told(
        self, agent: Client, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rule_sets, "TOO_COMMON", 2)
        made = drafted(
            agent, account, rule_1_1="lastName", rule_2_1="lastName", rule_2_2="city", rule_3_1="phoneNumber"
        )
        said = {rule: found for _, rule, found in rule_sets.preview_lines(made)}
        alone = "different people have the same lastName. With this field alone a later write links one to another"
        assert [rule for rule, found in said.items() if alone in found] == ["lastName"]
        assert "too many to identify anybody: a later write with it is linked to none" in said["phoneNumber"]
        assert "gets a contact of its own and a review item." in said["phoneNumber"]
        made.policy = Policy.REJECT
        assert "but refused with 409." in rule_sets.preview_lines(made)[-1][2]

    def test_the_commonest_values_are_shown_and_the_account_learns_of_it(self, agent: Client, account: Account) -> None:
        draft = rules.Draft(rules=[["phoneNumber"]])
        current = rules.publish(account=account, draft=draft, by=SYSTEM)
        assert "0612345678: 3 contacts" in agent.get(RULE_SET.format(current.pk, "draft")).content.decode()
        event = AuditEvent.objects.filter(account_id=account.pk).latest("pk")
        assert event.action == "rule_set.values_seen_by_partner"

    def test_there_is_one_draft_at_a_time(self, agent: Client, account: Account) -> None:
        drafted(agent, account)
        answer = agent.get(RULE_SET.format(rule_set(account, 1).pk, "draft"))
        assert answer.status_code == 302


class TestPreviews:
    def test_the_page_follows_it_and_then_tells_what_it_found(self, agent: Client, account: Account) -> None:
        agent.post(RULE_SET.format(rule_set(account, 1).pk, "draft"), answers(rule_2_1="phoneNumber", place_2="2"))
        page = RULE_SET.format(rule_set(account, 2).pk, "change")
        waiting = agent.get(page).content.decode()
        assert "data-refresh" in waiting
        assert "/publish/" not in waiting
        assert "/discard/" in waiting
        work()
        told = agent.get(page).content.decode()
        assert "data-refresh" not in told
        assert "Matches nobody that the rules of now" in told
        assert "1 group of 3 contacts, 3 pairs." in told
        assert "the contacts of 1 pair have two ids of one system" in told
        assert "/publish/" in told

    def test_it_tells_the_commonest_values_and_the_account_learns_of_it(self, agent: Client, account: Account) -> None:
        seen = AuditEvent.objects.filter(account_id=account.pk, action="rule_set.values_seen_by_partner")
        made = drafted(agent, account, rule_1_1="phoneNumber", rule_1_2="firstName", rule_2_1="phoneNumber")
        before = seen.count()
        page = agent.get(RULE_SET.format(made.pk, "change")).content.decode()
        assert "0612345678 + Jan: 2 contacts" in page
        assert "0612345678: 3 contacts" in page
        assert seen.count() == before + 1
        agent.get(RULE_SET.format(rule_set(account, 1).pk, "change"))
        agent.post(RULE_SET.format(made.pk, "publish"), {"limit": "0"})
        assert "0612345678" not in agent.get(RULE_SET.format(made.pk, "change")).content.decode()
        assert seen.count() == before + 1

    def test_a_page_asks_for_its_signatures_and_its_preview_once(self, agent: Client, account: Account) -> None:
        made = drafted(agent, account, rule_1_1="phoneNumber")
        for page in ("change", "publish"):
            with CaptureQueriesContext(connection) as queries:
                assert agent.get(RULE_SET.format(made.pk, page)).status_code == 200
            asked = [query["sql"] for query in queries]
            for table in ("contacts_signature", "contacts_preview"):
                assert sum(f'FROM "{table}"' in sql or f'JOIN "{table}"' in sql for sql in asked) == 1, (page, table)

    def test_every_pair_is_listed_and_downloaded(self, agent: Client, account: Account) -> None:
        made = drafted(agent, account, rule_1_1="phoneNumber", rule_1_2="firstName")
        preview = Preview.objects.for_account(account).get()
        listed = agent.get("/admin/contacts/previewpair/", {"preview": preview.pk})
        [pair] = listed.context["cl"].result_list
        ids = dict(ExternalId.objects.for_account(account).values_list("value", "contact_id"))
        assert (pair.contact_id, pair.other_id) == (ids["jan"], ids["W1"])
        answer: Any = agent.get(RULE_SET.format(made.pk, "pairs"))
        rows = list(csv.reader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))
        assert rows == [
            ["rule", "contact", "other contact", "both have an id in"],
            ["1", str(ids["jan"]), str(ids["W1"]), ""],
        ]
        assert AuditEvent.objects.filter(account_id=account.pk).latest("pk").action == "rule_set.pairs_downloaded"

    def test_another_partner_sees_none_of_it(
        self, agent: Client, cast: Cast, account: Account, sign_in: SignIn
    ) -> None:
        made = drafted(agent, account, rule_1_1="phoneNumber")
        preview = Preview.objects.for_account(account).get()
        stranger = sign_in(cast.other_agent)
        for page in ("draft", "publish", "preview", "discard", "review", "pairs", "change"):
            assert stranger.get(RULE_SET.format(made.pk, page)).status_code == 404
        assert not stranger.get("/admin/contacts/previewpair/", {"preview": preview.pk}).context["cl"].result_list
        assert str(cast.account) not in stranger.get("/admin/contacts/previewpair/").content.decode()

    def test_it_is_discarded_or_made_anew(self, agent: Client, account: Account) -> None:
        made = drafted(agent, account, rule_1_1="phoneNumber")
        assert agent.post(RULE_SET.format(made.pk, "preview")).status_code == 302
        assert not PreviewPair.objects.for_account(account).exists()
        work()
        assert PreviewPair.objects.for_account(account).count() == 3
        assert agent.post(RULE_SET.format(made.pk, "discard")).status_code == 302
        assert rule_set(account, 2).status == "cancelled"
        assert agent.get(RULE_SET.format(made.pk, "publish")).status_code == 302
        assert "Start from these rules…" in agent.get(RULE_SET.format(made.pk, "change")).content.decode()
        assert "/draft/" in agent.get(RULE_SET.format(rule_set(account, 1).pk, "change")).content.decode()


class TestPublishing:
    def test_published_sent_to_review_and_restored(self, agent: Client, account: Account) -> None:
        made = drafted(agent, account, rule_1_1="phoneNumber")
        assert "3 pairs" in agent.get(RULE_SET.format(made.pk, "publish")).content.decode()
        assert agent.post(RULE_SET.format(made.pk, "publish"), {"limit": "20"}).status_code == 302
        assert rule_set(account, 2).status == "current"
        assert agent.post(RULE_SET.format(made.pk, "review")).status_code == 302
        work()
        assert ReviewItem.objects.for_account(account).count() == 3
        old = rule_set(account, 1)
        assert "Restore these rules…" in agent.get(RULE_SET.format(old.pk, "change")).content.decode()
        answer = agent.post(RULE_SET.format(old.pk, "draft"), answers())
        third = rule_set(account, 3)
        assert answer["Location"] == RULE_SET.format(third.pk, "change")
        assert rules.draft_of(rule_set=third) == rules.draft_of(rule_set=old)

    def test_a_refusal_says_why(self, agent: Client, account: Account) -> None:
        made = drafted(agent, account, rule_1_1="phoneNumber")
        shop = System(factories.authentication_for(account, factories.id_field(account, "erpId"), system="ERP"))
        shop.send("1", phoneNumber="0687654321")
        shop.send("2", phoneNumber="0687654321")
        page = agent.post(RULE_SET.format(made.pk, "publish"), {"limit": "0"})
        [error] = page.context["form"].errors["__all__"]
        assert re.search(r"out of date\. 1 pair came since, and you accept 0: \S+ and \S+ … Make it anew", error)
        assert rule_set(account, 1).status == "current"
