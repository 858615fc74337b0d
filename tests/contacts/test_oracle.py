"""The oracle itself, against stories worked out by hand."""

from tests.contacts.oracle import Oracle
from tests.contacts.oracle_people import People
from tests.contacts.oracle_words import Result, RuleSet, Values, Writer

JAN: Values = {"email": "Jan@example.com"}
SHOP, CRM = ("shop", "1001"), ("crm", "1001")


def provenance(oracle: Oracle, field: str) -> tuple[Writer, int | None, list[Writer], tuple[str | None, Writer] | None]:
    """Of a field of the first contact: writer, rule, who shared it, what was before."""
    entry = oracle.contacts[0].entries[field]
    before = None if entry.before is None else (entry.before[0], entry.before[1].writer)
    return entry.stamp.writer, entry.stamp.rule, [stamp.writer for stamp in entry.shared], before


def test_a_write_never_changes_what_the_other_system_points_at() -> None:
    oracle = Oracle(RuleSet())
    assert oracle.write(*SHOP, {**JAN, "firstName": "Jan"}) == Result("created", 0)
    assert oracle.write(*CRM, {"email": "JAN@example.com", "firstName": "J"}) == Result("linked", 0, "rule 1")
    assert oracle.ids == {SHOP: 0, CRM: 0}
    assert oracle.contacts[0].values == {"email": "JAN@example.com", "firstName": "J"}
    assert provenance(oracle, "firstName") == (CRM, 1, [], ("Jan", SHOP))
    assert oracle.holders((1, "jan@example.com")) == {0}
    assert oracle.write(*CRM, {"firstName": ""}).outcome == "updated"
    assert provenance(oracle, "firstName") == (CRM, None, [], ("Jan", SHOP))
    assert oracle.write(*SHOP, {"firstName": None}).outcome == "unchanged"
    assert provenance(oracle, "firstName") == (CRM, None, [SHOP], ("Jan", SHOP))


def test_one_id_value_in_two_systems_stays_two_contacts() -> None:
    oracle = Oracle(RuleSet())
    oracle.write(*SHOP, JAN)
    assert oracle.write(*CRM, {"email": "piet@example.com"}) == Result("created", 1)
    assert oracle.write(*CRM, JAN, link_to=0) == Result("id_conflict", candidates=[1])
    assert oracle.write(*CRM, JAN, link_to=9) == oracle.write("crm", "7", JAN, "patch") == Result("not_found")
    found = Result("updated", 1, "external_id", [("possible_duplicate", 0, 1)])
    assert oracle.write(*CRM, JAN, "patch") == found
    assert (oracle.ids, oracle.pairs) == ({SHOP: 0, CRM: 1}, {(0, 1): ("possible_duplicate", "open")})


def test_a_linked_system_finds_its_contact_until_it_unlinks() -> None:
    oracle = Oracle(RuleSet())
    oracle.write(*SHOP, JAN)
    assert oracle.write(*CRM, {}, link_to=0) == Result("linked", 0, "link_to")
    assert oracle.write("crm", "2", {}, link_to=0) == Result("id_conflict", candidates=[0])
    assert oracle.write(*CRM, {"email": "new@example.com"}) == Result("updated", 0, "external_id")
    assert oracle.write(*SHOP, {}) == Result("unchanged", 0, "external_id")
    assert oracle.unlink(*CRM) == Result("unlinked", 0)
    assert oracle.unlink(*CRM) == Result("not_found")
    assert (oracle.ids, oracle.former) == ({SHOP: 0}, {CRM: 0})
    assert oracle.write(*CRM, JAN) == Result("created", 1)


def test_a_household_that_shares_an_address() -> None:
    oracle = Oracle(RuleSet([["email"], ["phoneNumber", "lastName"]]))
    oracle.write(*SHOP, JAN)
    oracle.write("shop", "1", {"phoneNumber": "12", "lastName": "JANSEN"})
    both: Values = {**JAN, "phoneNumber": "12", "lastName": "Jansen"}
    found = Result("created", 2, warnings=[("id_conflict", 0, 1), ("possible_duplicate", 1, 2)])
    assert oracle.write("shop", "2", both) == found
    assert oracle.write(*CRM, JAN) == Result("created", 3, None, [("ambiguous", 0, 1), ("ambiguous", 2, 1)])
    oracle.rule_set.policy = "reject"
    assert oracle.write("crm", "3", JAN) == Result("ambiguous_match", candidates=[0, 2, 3])
    assert oracle.write("crm", "3", {"email": "NoReply@x.nl"}).warnings == [("blocked_value", "email")]
    oracle.rule_set.policy = "create"
    for number in range(30):
        result = oracle.write("shop", f"n{number}", JAN)
    assert result.warnings == [("value_too_common", 1)] + [("ambiguous", name, 1) for name in (0, 2, 3, 5, 6)]


def test_replacing_empties_only_what_is_its_own_alone() -> None:
    oracle = Oracle(RuleSet())
    oracle.write(*SHOP, {**JAN, "city": "Ede", "firstName": "Jan", "note": "x"})
    oracle.write(*CRM, {**JAN, "city": "Ede", "lastName": "Smit"})
    assert oracle.write(*SHOP, {"note": "y"}, "replace").outcome == "updated"
    assert oracle.contacts[0].values == {**JAN, "city": "Ede", "lastName": "Smit", "note": "y"}
    assert provenance(oracle, "firstName") == (SHOP, None, [], None)
    assert oracle.write(*SHOP, {"note": "y"}, "replace").outcome == "unchanged"
    assert oracle.write(*SHOP, {"city": "Lent"}).outcome == "updated"
    oracle.write(*SHOP, {}, "replace")
    assert oracle.contacts[0].values == {**JAN, "lastName": "Smit"}


def test_people_merge_undo_split_and_erase() -> None:
    oracle = People(RuleSet())
    oracle.write(*SHOP, {**JAN, "city": "Ede"})
    oracle.write(*CRM, {"email": "piet@example.com", "infix": "de"})
    assert oracle.merge(0, 1, {"email"}) == "merged"
    assert oracle.contacts[0].values == {"email": "piet@example.com", "city": "Ede", "infix": "de"}
    assert (oracle.ids, oracle.contacts[1].merged_into) == ({SHOP: 0, CRM: 0}, 0)
    oracle.write(*CRM, {"infix": "van"})
    oracle.write("erp", "1", {"street": "Dam"}, link_to=1)
    assert oracle.undo(0) == "undone"
    assert oracle.contacts[0].values == {**JAN, "city": "Ede", "street": "Dam"}
    assert oracle.contacts[1].values == {"email": "piet@example.com", "infix": "van"}
    assert oracle.ids == {SHOP: 0, CRM: 1, ("erp", "1"): 0}
    assert oracle.undo(0) == "merge_undone"
    assert oracle.split(("erp", "1")) == "split"
    assert (oracle.contacts[0].values, oracle.contacts[2].values) == ({**JAN, "city": "Ede"}, {"street": "Dam"})
    oracle.unlink("erp", "1")
    assert oracle.write("erp", "1", JAN).outcome == "created"
    assert oracle.erase(0) == "erased"
    assert oracle.write(*SHOP, JAN).outcome == "contact_erased"
    assert oracle.lift(SHOP) == "lifted"
    assert oracle.write(*SHOP, JAN) == Result("linked", 3, "rule 1")
