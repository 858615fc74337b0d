"""Previews of rule changes: what they show is what the rules then find, and nothing is written on the way."""

from collections.abc import Mapping
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.actor import SYSTEM
from accounts.errors import Conflict, DomainError
from accounts.models import Account, AuditEvent
from contacts import groups, matching
from contacts.models import (
    Contact,
    ContactBook,
    ExternalId,
    IdField,
    Job,
    MatchKey,
    Preview,
    PreviewPair,
    ReviewItem,
    RuleSet,
    Signature,
)
from contacts.overlay import Mode
from contacts.services import jobs, merges, previews, rules, store, sync
from contacts.services.previews import findings_of
from contacts.services.rules import Draft
from contacts.services.sync import Origin, Record
from tests import factories
from tests.contacts.pairs import found_by_the_engine
from tests.contacts.test_statements import captured, unrestricted
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.django_db

FIELDS = ("email", "firstName", "lastName", "phoneNumber")
POOL = {
    "email": ("a@example.com", "A@example.com", "a+1@example.com", "b@example.com", "noreply@example.com", ""),
    "firstName": ("Jan", "jan ", "Piet", ""),
    "lastName": ("Jansen", "JANSEN", "Null", ""),
    "phoneNumber": ("0612345678", "+31 6 12345678", "0687654321", "1111111111", ""),
}


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


def send(account: Account, id_field: IdField, people: Mapping[str, Mapping[str, str]]) -> None:
    records = [Record(own, dict(values), Mode.MERGE) for own, values in people.items()]
    origin = Origin(UUID(int=0), "request")
    sync.write(account_id=account.pk, id_field_id=id_field.pk, records=records, origin=origin)


def shown(account: Account) -> set[tuple[UUID, UUID]]:
    return set(PreviewPair.objects.for_account(account).values_list("contact_id", "other_id"))


def previewed(account: Account, draft: Draft) -> RuleSet:
    """A rule set with a complete preview."""
    rule_set = previews.begin(account=account, draft=draft, by=SYSTEM)
    work()
    assert Job.objects.for_account(account).get(task="contacts.services.previews.run").state == Job.State.COMPLETED
    return rule_set


def findings(account: Account) -> list[dict[str, Any]]:
    return findings_of(preview=Preview.objects.for_account(account).get())


def refusal(service: Any, **arguments: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        service(**arguments, by=SYSTEM)
    return caught.value


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    rule = st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True)
    blocked = {name: draw(st.lists(st.sampled_from(POOL[name][:3]), max_size=1)) for name in ("email", "lastName")}
    return Draft(
        rules=draw(st.lists(rule, min_size=1, max_size=3, unique_by=tuple)),
        blocked=blocked,
        folds_plus_tags=draw(st.booleans()),
    )


NUMBERS = count()


@settings(max_examples=60, deadline=None)
@given(before=drafts(), after=drafts(), seed=st.integers(0, 2**32), size=st.integers(2, 14))
def test_it_shows_what_the_rules_then_find(before: Draft, after: Draft, seed: int, size: int) -> None:
    account, random = factories.AccountFactory.create(name=f"Base {next(NUMBERS)}"), Random(seed)
    id_fields = [factories.default_id_field(account), factories.id_field(account)]
    rules.publish(account=account, draft=before, by=SYSTEM)
    for number in range(size):
        values = {name: random.choice(pool) for name, pool in POOL.items()}
        sent = {name: value for name, value in values.items() if value}
        send(account, random.choice(id_fields), {str(number): sent})
    known = found_by_the_engine(account)
    rule_set = previewed(account, after)
    pairs = shown(account)
    previews.publish(account=account, rule_set_id=rule_set.pk, by=SYSTEM)
    assert pairs == found_by_the_engine(account) - known
    assert sum(finding["pairs"] for finding in findings(account)) == len(pairs)
    of_both = {pair for pair in pairs if ids(account, pair[0]) & ids(account, pair[1])}
    assert sum(finding["joining"] for finding in findings(account)) == len(of_both)


def ids(account: Account, contact: UUID) -> set[int]:
    rows = ExternalId.objects.for_account(account).filter(contact_id=contact)
    return set(rows.values_list("id_field_id", flat=True))


@pytest.fixture
def family(account: Account) -> dict[str, UUID]:
    """Under the rule [email]: Jan and Piet Jansen share a phone number; Jan is there twice, once with a typo."""
    crm, shop = factories.default_id_field(account), factories.id_field(account)
    phone = {"lastName": "Jansen", "phoneNumber": "0612345678"}
    send(account, crm, {"jan": {"email": "jan@example.com", "firstName": "Jan", **phone}})
    send(account, crm, {"piet": {"email": "piet@example.com", "firstName": "Piet", **phone}})
    send(account, shop, {"typo": {"email": "jna@example.com", "firstName": "Jan", **phone}})
    return dict(ExternalId.objects.for_account(account).values_list("value", "contact_id"))


def test_it_counts_by_rule_and_warns_of_two_ids_of_one_system(account: Account, family: dict[str, UUID]) -> None:
    previewed(account, Draft(rules=[["email"], ["phoneNumber", "firstName"], ["phoneNumber"]]))
    by_rule = [[found[name] for name in ("groups", "contacts", "pairs", "joining")] for found in findings(account)]
    assert by_rule == [[0, 0, 0, 0], [1, 2, 1, 0], [1, 3, 2, 1]]
    pairs = PreviewPair.objects.for_account(account)
    assert pairs.get(rule=2).id_field is None
    assert (pairs.get(rule=2).contact_id, pairs.get(rule=2).other_id) == (family["jan"], family["typo"])
    joining = pairs.exclude(id_field=None).get()
    assert (joining.contact_id, joining.other_id) == (family["jan"], family["piet"])


def test_nothing_is_written_but_the_preview(account: Account, family: dict[str, UUID]) -> None:
    def everything() -> dict[str, Any]:
        own = {MatchKey, Signature, RuleSet, Preview, PreviewPair, Job, ContactBook}
        return {
            model.__name__: list(model._base_manager.order_by("pk").values())
            for model in apps.get_app_config("contacts").get_models()
            if model not in own
        }

    before, keys = everything(), list(MatchKey.objects.for_account(account).order_by("pk").values())
    rule_set = previewed(account, Draft(rules=[["phoneNumber"]]))
    assert everything() == before
    assert list(MatchKey.objects.for_account(account).order_by("pk").values())[: len(keys)] == keys
    previews.discard(account=account, rule_set_id=rule_set.pk, by=SYSTEM)
    work()
    assert everything() == before
    assert list(MatchKey.objects.for_account(account).order_by("pk").values()) == keys
    assert not PreviewPair.objects.for_account(account).exists()


def test_every_table_that_it_reads_is_restricted_to_the_account(account: Account, family: dict[str, UUID]) -> None:
    draft = Draft(rules=[["phoneNumber"], ["lastName"]], blocked={"lastName": ["Smith"]})
    previews.begin(account=account, draft=draft, by=SYSTEM)
    work()
    with transaction.atomic():
        book = store.lock(account.pk)
        of = {"account_id": account.pk, "signature_id": book.coming[0].signature.id}
        with captured() as found:
            keys = [group.key for group in groups.groups(**of, after=None, size=10)]
            assert groups.groups(**of, after="0" * 32, size=10)
            assert groups.commonest(**of, size=10)
            assert groups.examples(account_id=account.pk, keys=[(of["signature_id"], key) for key in keys])
            assert groups.contacts(account_id=account.pk, fields={"lastName"}, after=UUID(int=0), size=10)
            assert groups.keys_of(**of, contact_ids=family.values())
            known = [*book.rules.asked, book.coming[1]]
            groups.new_pairs(account_id=account.pk, rule=book.coming[0], known=known, keys=keys)
    assert len(found) == 9
    assert [loose for sql, params in found for loose in unrestricted(sql, params, account.pk)] == []


def test_keys_that_too_many_share_match_nobody(account: Account) -> None:
    field = factories.default_id_field(account)
    send(account, field, {str(n): {"phoneNumber": "0612345678", "city": "Ede"} for n in range(25)})
    send(account, field, {f"x{n}": {"phoneNumber": "0687654321"} for n in range(3)})
    rule_set = previewed(account, Draft(rules=[["phoneNumber"], ["city"]]))
    first, second = findings(account)
    assert (first["groups"], first["pairs"], [size for _, size in first["common"]]) == (1, 3, [25, 3])
    assert (second["groups"], second["pairs"], [size for _, size in second["common"]]) == (0, 0, [25])
    all_of_them = list(Contact.objects.for_account(account).values_list("pk", flat=True))
    found = groups.keys_of(account_id=account.pk, signature_id=rule_set.rules[0], contact_ids=all_of_them)
    assert sorted(group.size for group in found) == [3, matching.TOO_COMMON + 1]


def test_what_is_too_common_now_is_newly_matched_by_more_fields(account: Account) -> None:
    field = factories.default_id_field(account)
    people = {str(n): {"email": "info@example.com", "firstName": f"N{n // 2}"} for n in range(22)}
    send(account, field, people)
    previewed(account, Draft(rules=[["email", "firstName"]]))
    assert findings(account)[0]["pairs"] == 11


def change(system: System, own: str, **values: str) -> None:
    assert system.send(own, **values)["outcome"] in {"created", "updated", "linked"}


class TestPublishing:
    @pytest.fixture
    def crm(self, account: Account) -> System:
        return System(factories.authentication_for(account, system="CRM"))

    def publish(self, account: Account, rule_set: RuleSet, **arguments: Any) -> int:
        return previews.publish(account=account, rule_set_id=rule_set.pk, **arguments, by=SYSTEM)

    def outdated(self, account: Account, rule_set: RuleSet, **arguments: Any) -> str:
        error = refusal(previews.publish, account=account, rule_set_id=rule_set.pk, **arguments)
        assert (type(error), error.code) == (Conflict, "preview_outdated")
        assert RuleSet.objects.for_account(account).get(status="current").number == 1
        return error.detail

    def test_the_next_write_is_decided_by_the_new_rules(
        self, account: Account, family: dict[str, UUID], crm: System
    ) -> None:
        rule_set = previewed(account, Draft(rules=[["lastName", "firstName"]]))
        before = crm.send("new", lastName="Jansen", firstName="Piet")
        assert before["outcome"] == "created"
        crm.call("DELETE", "/contacts/new?erase=true")
        assert self.publish(account, rule_set) == 0
        shop = IdField.objects.for_account(account).get(is_default=False)
        send(account, shop, {"new": {"lastName": "JANSEN", "firstName": "piet"}})
        assert ExternalId.objects.for_account(account).get(value="new").contact_id == family["piet"]
        work()
        assert not MatchKey.objects.for_account(account).exclude(signature__in=rule_set.rules).exists()
        assert shown(account)
        following = previews.begin(account=account, draft=Draft(rules=[["city"]]), by=SYSTEM)
        work()
        self.publish(account, following)
        work()
        assert not shown(account)
        event = AuditEvent.objects.filter(action="rule_set.published", account_id=account.pk).earliest("pk")
        assert event.after == {
            "rules": [{"groups": 1, "contacts": 2, "pairs": 1, "joining": 0}],
            "pairs_since": 0,
        }

    def test_a_contact_that_changed_often_hides_no_other(
        self, account: Account, family: dict[str, UUID], crm: System, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(previews, "MAX_CHANGED", 4)
        rule_set = previewed(account, Draft(rules=[["phoneNumber"]]))
        for number in range(6):
            change(crm, "piet", city=f"Ede {number}")
        change(crm, "new", phoneNumber="0687654320")
        change(crm, "same", phoneNumber="0687654320")
        assert "1 pair came since, and you accept 0" in self.outdated(account, rule_set, limit=0)

    def test_pairs_that_came_since_are_accepted_up_to_the_limit(
        self, account: Account, family: dict[str, UUID], crm: System
    ) -> None:
        rule_set = previewed(account, Draft(rules=[["phoneNumber"]]))
        pairs = shown(account)
        for number in range(2):
            change(crm, f"new{number}", phoneNumber=f"068765432{number}")
            change(crm, f"same{number}", phoneNumber=f"068765432{number}")
        change(crm, "piet", city="Ede")  # of whom the preview told already
        assert "2 pairs came since, and you accept 1" in self.outdated(account, rule_set, limit=1)
        assert shown(account) == pairs
        assert self.publish(account, rule_set, limit=2) == 2
        assert len(shown(account) - pairs) == 2

    def test_the_first_pair_that_joins_two_ids_of_one_system_is_refused(
        self, account: Account, family: dict[str, UUID], crm: System
    ) -> None:
        rule_set = previewed(account, Draft(rules=[["phoneNumber", "firstName"]]))
        change(crm, "other", phoneNumber="0612345678", firstName="jan")
        assert "would join two ids of one system" in self.outdated(account, rule_set)
        previews.again(account=account, rule_set_id=rule_set.pk, by=SYSTEM)
        assert refusal(previews.again, account=account, rule_set_id=rule_set.pk).code == "preview_under_way"
        assert refusal(previews.publish, account=account, rule_set_id=rule_set.pk).code == "preview_under_way"
        work()
        assert findings(account)[0]["joining"] == 1
        assert self.publish(account, rule_set) == 0

    def test_a_rule_that_found_nobody_must_go_on_finding_nobody(self, account: Account, crm: System) -> None:
        change(crm, "1", phoneNumber="0612345678")
        shop = factories.id_field(account)
        rule_set = previewed(account, Draft(rules=[["phoneNumber"]]))
        send(account, shop, {"W1": {"phoneNumber": "0612345678"}})
        assert "the preview showed no pair of that rule" in self.outdated(account, rule_set)

    def test_too_many_changes_need_a_new_preview(
        self, account: Account, family: dict[str, UUID], crm: System, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rule_set = previewed(account, Draft(rules=[["phoneNumber"]]))
        monkeypatch.setattr(previews, "MAX_CHANGED", 1)
        change(crm, "jan", city="Ede")
        change(crm, "piet", city="Ede")
        assert "More than 1 contacts have changed" in self.outdated(account, rule_set)

    def test_what_is_gone_or_merged_since_matches_nobody(
        self, account: Account, family: dict[str, UUID], crm: System
    ) -> None:
        rule_set = previewed(account, Draft(rules=[["phoneNumber"]]))
        merges.merge(account=account, survivor_id=family["jan"], loser_id=family["typo"], by=SYSTEM)
        crm.call("DELETE", "/contacts/piet?erase=true")
        assert self.publish(account, rule_set) == 0

    def test_only_what_waits_is_published_or_given_up(self, account: Account, family: dict[str, UUID]) -> None:
        rule_set = previews.begin(account=account, draft=Draft(rules=[["phoneNumber"]]), by=SYSTEM)
        assert refusal(previews.publish, account=account, rule_set_id=rule_set.pk).code == "preview_under_way"
        again = refusal(previews.begin, account=account, draft=Draft(rules=[["city"]]))
        assert again.code == "publication_in_progress"
        previews.discard(account=account, rule_set_id=rule_set.pk, by=SYSTEM)
        assert Job.objects.for_account(account).get(task="contacts.services.previews.run").state == "cancelled"
        other = factories.AccountFactory.create()
        for name in ("publish", "again", "discard"):
            service = getattr(previews, name)
            assert refusal(service, account=account, rule_set_id=rule_set.pk).code.startswith("rule_set_not_")
            assert refusal(service, account=other, rule_set_id=rule_set.pk).code == "rule_set_not_found"

    def test_rules_without_a_preview_are_not_published(self, account: Account) -> None:
        rule_set = rules.begin(account=account, draft=Draft(rules=[["city"]]), by=SYSTEM)
        assert refusal(previews.publish, account=account, rule_set_id=rule_set.pk).code == "rule_set_not_ready"

    def test_publishing_merges_nobody_and_opens_no_review_item(self, account: Account, family: dict[str, UUID]) -> None:
        rule_set = previewed(account, Draft(rules=[["phoneNumber"]]))
        before = list(Contact.objects.for_account(account).order_by("pk").values())
        self.publish(account, rule_set)
        assert list(Contact.objects.for_account(account).order_by("pk").values()) == before
        assert not ReviewItem.objects.for_account(account).exists()


def test_a_preview_that_is_interrupted_goes_on_where_it_was(
    account: Account, family: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "KEYS", 1)
    monkeypatch.setattr(rules, "CHUNK", 1)
    monkeypatch.setattr(jobs, "FIRST_DELAY", jobs.FIRST_DELAY * 0)
    step, calls = jobs.step, []

    def fail_often(**kwargs: Any) -> None:
        calls.append(1)
        if len(calls) % 2:
            raise RuntimeError
        step(**kwargs)

    monkeypatch.setattr(jobs, "step", fail_often)
    previewed(account, Draft(rules=[["phoneNumber", "firstName"], ["phoneNumber"], ["lastName"]]))
    assert [found["pairs"] for found in findings(account)] == [1, 2, 0]
    assert len(shown(account)) == 3
    assert len(calls) > 15


def test_what_it_showed_becomes_review_items_in_one_go(account: Account, family: dict[str, UUID]) -> None:
    rule_set = previewed(account, Draft(rules=[["phoneNumber", "firstName"], ["phoneNumber"]]))
    arguments = {"account": account, "rule_set_id": rule_set.pk}
    assert refusal(previews.open_items, **arguments).code == "rule_set_not_current"
    previews.publish(account=account, rule_set_id=rule_set.pk, by=SYSTEM)
    decided = ReviewItem.objects.for_account(account).create(
        kind="possible_duplicate",
        state="not_a_match",
        contact_id=family["jan"],
        other_id=family["piet"],
        rule_set_id=rule_set.pk,
        decided_at="2026-01-01T00:00Z",
        decided_by="olga",
    )
    crm = System(factories.authentication_for(account))
    crm.send("piet", phoneNumber="0687654321")
    for _ in range(2):
        previews.open_items(account=account, rule_set_id=rule_set.pk, by=SYSTEM)
        work()
        items = ReviewItem.objects.for_account(account).exclude(pk=decided.pk)
        [(kind, state, rule, one, other)] = items.values_list("kind", "state", "rule", "contact_id", "other_id")
        assert (kind, state, rule) == ("possible_duplicate", "open", 1)
        assert (one, other) == (family["jan"], family["typo"])
    decided.refresh_from_db()
    assert decided.state == "not_a_match"


def test_old_rules_can_be_had_again(account: Account, family: dict[str, UUID]) -> None:
    first = RuleSet.objects.for_account(account).get(number=1)
    draft = Draft(rules=[["lastName", "city"]], blocked={"lastName": ["Jansen"]}, policy="reject", phone_region="BE")
    rules.publish(account=account, draft=draft, by=SYSTEM)
    first.refresh_from_db()
    assert rules.draft_of(rule_set=first) == Draft(rules=[["email"]], policy="create", phone_region="NL")
    assert rules.draft_of(rule_set=RuleSet.objects.for_account(account).get(number=2)) == draft
    rule_set = previewed(account, rules.draft_of(rule_set=first))
    previews.publish(account=account, rule_set_id=rule_set.pk, by=SYSTEM)
    assert found_by_the_engine(account) == set()
    account.refresh_from_db()
    assert account.phone_region == "NL"
