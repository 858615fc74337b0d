"""The life of a rule set: what is refused, what writers see at each moment, what is reused."""

from typing import Any

import pytest

from accounts.actor import SYSTEM
from accounts.errors import Conflict, NotFound, ValidationFailed
from accounts.models import AuditEvent
from contacts.models import MatchKey, RuleSet, Signature
from contacts.services import fields, rules
from contacts.services.rules import Draft
from tests.contacts.world import SYSTEMS, Sent, World

pytestmark = pytest.mark.django_db

SHOP, CRM, ERP = SYSTEMS
JAN: dict[str, str | None] = {"email": "jan+shop@example.com", "lastName": "Jansen", "phoneNumber": "020-1234567"}


def begin(world: World, *rule_set: list[str], **said: Any) -> RuleSet:
    return rules.begin(account=world.account, draft=Draft(rule_set, **said), by=SYSTEM)


def build(world: World, rule_set: RuleSet, size: int = 1000) -> bool:
    return rules.build(account=world.account, rule_set_id=rule_set.pk, size=size)


def switch(world: World, rule_set: RuleSet) -> RuleSet:
    return rules.switch(account=world.account, rule_set_id=rule_set.pk, by=SYSTEM)


def keys(world: World) -> dict[int, int]:
    """Signature → number of keys."""
    found = MatchKey.objects.for_account(world.account).values_list("signature_id", flat=True)
    return {signature: list(found).count(signature) for signature in found}


@pytest.mark.parametrize(
    ("draft", "field", "code"),
    [
        (Draft([]), "rules", "wrong_number"),
        (Draft([["email"]] * 11), "rules", "wrong_number"),
        (Draft([[]]), "rules", "wrong_number"),
        (Draft([["email", "email"]]), "rules", "repeated"),
        (Draft([["email"], ["email"]]), "rules", "repeated"),
        (Draft([["shoeSize"]]), "rules", "unknown_field"),
        (Draft([["gone"]]), "rules", "unknown_field"),
        (Draft([["isMember"]]), "rules", "wrong_type"),
        (Draft([["email"]], policy="guess"), "policy", "invalid_choice"),
        (Draft([["email"]], phone_region="XX"), "phone_region", "invalid_choice"),
        (Draft([["email"]], blocked={"shoeSize": ["1"]}), "blocked", "unknown_field"),
        (Draft([["email"]], blocked={"email": ["nobody"]}), "blocked", "invalid_value"),
        (Draft([["email"]], blocked={"city": [str(number) for number in range(1001)]}), "blocked", "too_many"),
    ],
)
def test_a_draft_that_is_not_right_is_refused_by_name(draft: Draft, field: str, code: str) -> None:
    world = World()
    fields.add_contact_field(
        account=world.account, name="isMember", label="Member", type="boolean", choices=(), by=SYSTEM
    )
    fields.add_contact_field(account=world.account, name="gone", label="Gone", type="text", choices=(), by=SYSTEM)
    fields.retire(account=world.account, name="gone", by=SYSTEM)
    count = RuleSet.objects.for_account(world.account).count()
    with pytest.raises(ValidationFailed) as refused:
        rules.begin(account=world.account, draft=draft, by=SYSTEM)
    assert (field, code) in {(error.field, error.code) for error in refused.value.errors}
    assert RuleSet.objects.for_account(world.account).count() == count


def test_writers_between_the_chunks_of_a_build_are_in_the_new_keys() -> None:
    world = World()
    world.write(
        SHOP, [Sent(str(number), {"email": f"{number}@example.com", "lastName": f"N{number}"}) for number in range(5)]
    )
    rule_set = begin(world, ["lastName"], ["email"])
    assert rule_set.status == RuleSet.Status.BUILDING
    assert not build(world, rule_set, size=2)
    # Still the old rules; an old contact and a new one change under both.
    assert world.write(CRM, [Sent("9", {"lastName": "N4"})])[0].outcome == "created"
    world.write(SHOP, [Sent("0", {"lastName": "Changed"}), Sent("4", {"lastName": None})])
    while not build(world, rule_set, size=2):
        pass
    assert build(world, rule_set)
    switch(world, rule_set)
    (found, gone, changed) = world.write(
        CRM, [Sent("1", {"lastName": "n4"}), Sent("2", {"lastName": "N0"}), Sent("3", {"lastName": "changed"})]
    )
    assert found.outcome == "created"  # its holder has an id of the CRM already
    assert {warning[0] for warning in found.warnings} == {"id_conflict"}
    assert gone.outcome == "created"
    assert (changed.outcome, changed.matched_by) == ("linked", "rule 1")


def test_unchanged_signatures_are_reused_and_retired_ones_swept() -> None:
    world = World()
    world.write(SHOP, [Sent("1", JAN)])
    (email,) = keys(world)
    before = list(MatchKey.objects.for_account(world.account).values_list("pk", "key"))
    assert begin(world, ["email"], policy="reject").status == RuleSet.Status.READY
    ready = RuleSet.objects.for_account(world.account).get(status="ready")
    assert switch(world, ready).rules == [email]
    assert list(MatchKey.objects.for_account(world.account).values_list("pk", "key")) == before
    rules.publish(account=world.account, draft=Draft([["lastName"]]), by=SYSTEM)
    (last_name,) = keys(world)
    assert last_name != email
    assert Signature.objects.for_account(world.account).get(pk=email).retired_at is not None
    rules.publish(account=world.account, draft=Draft([["email"]]), by=SYSTEM)
    assert set(keys(world)) & {email, last_name} == set()
    numbers = RuleSet.objects.for_account(world.account).values_list("number", "status")
    assert dict(numbers) == {1: "superseded", 2: "superseded", 3: "superseded", 4: "superseded", 5: "current"}


def test_one_publication_at_a_time_which_can_be_cancelled() -> None:
    world = World()
    world.write(SHOP, [Sent("1", JAN)])
    rule_set = begin(world, ["lastName"])
    with pytest.raises(Conflict) as refused:
        begin(world, ["city"])
    assert refused.value.code == "publication_in_progress"
    with pytest.raises(Conflict) as refused:
        switch(world, rule_set)
    assert refused.value.code == "rule_set_not_ready"
    build(world, rule_set)
    assert rules.cancel(account=world.account, rule_set_id=rule_set.pk, by=SYSTEM).status == "cancelled"
    for again in (build, switch):
        with pytest.raises(Conflict):
            again(world, rule_set)
    with pytest.raises(Conflict):
        rules.cancel(account=world.account, rule_set_id=rule_set.pk, by=SYSTEM)
    rules.sweep(account=world.account)
    assert len(keys(world)) == 1
    assert world.write(CRM, [Sent("1", {"lastName": "Jansen"})])[0].outcome == "created"
    assert begin(world, ["lastName"]).status == RuleSet.Status.BUILDING


def test_a_rule_set_of_another_account_is_not_there() -> None:
    world, other = World(), World()
    rule_set = begin(other, ["lastName"])
    for service in (build, switch):
        with pytest.raises(NotFound):
            service(world, rule_set)


def test_plus_tags_are_folded_and_phones_read_in_the_new_country() -> None:
    world = World((("email",), ("phoneNumber",)))
    world.write(SHOP, [Sent("1", JAN), Sent("2", {"phoneNumber": "030 123456"})])
    assert world.write(CRM, [Sent("1", {"email": "jan@example.com"})])[0].outcome == "created"
    rules.publish(
        account=world.account,
        draft=Draft([["email"], ["phoneNumber"]], folds_plus_tags=True, phone_region="DE"),
        by=SYSTEM,
    )
    world.account.refresh_from_db()
    assert world.account.phone_region == "DE"
    assert world.write(ERP, [Sent("1", {"email": "jan+erp@example.com"})])[0].outcome == "created"  # two have it
    assert world.write(ERP, [Sent("2", {"phoneNumber": "+49 30 123456"})])[0].matched_by == "rule 2"


def test_blocked_values_rebuild_nothing_and_count_at_once() -> None:
    world = World()
    world.write(SHOP, [Sent("1", JAN)])
    before = list(MatchKey.objects.for_account(world.account).values_list("pk", "key"))
    rules.publish(
        account=world.account, draft=Draft([["email"]], blocked={"email": ["JAN+shop@example.com"]}), by=SYSTEM
    )
    assert list(MatchKey.objects.for_account(world.account).values_list("pk", "key")) == before
    (blocked,) = world.write(CRM, [Sent("1", JAN)])
    assert (blocked.outcome, set(blocked.warnings)) == ("created", {("blocked_value", "email")})
    rules.publish(account=world.account, draft=Draft([["email"]]), by=SYSTEM)
    assert world.write(ERP, [Sent("1", JAN)])[0].outcome == "created"  # ambiguous by now


def test_the_trail_tells_rules_and_no_values() -> None:
    world = World()
    rules.publish(account=world.account, draft=Draft([["email"]], blocked={"email": ["jan@example.com"]}), by=SYSTEM)
    events = AuditEvent.objects.filter(account_id=world.account.pk, action__startswith="rule_set").order_by("pk")
    assert [event.action for event in events][-2:] == ["rule_set.begun", "rule_set.published"]
    assert events[len(events) - 2].after == {"rules": [["email"]], "policy": "create", "phone_region": "NL"}


def test_a_broken_switch_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    rule_set = begin(world, ["lastName"])
    build(world, rule_set)
    monkeypatch.setattr(rules, "_record", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        switch(world, rule_set)
    rule_set.refresh_from_db()
    assert rule_set.status == RuleSet.Status.READY
