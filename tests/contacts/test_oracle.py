"""The oracle itself, against stories worked out by hand."""

from tests.contacts.oracle import Oracle, Provenance, Result, Values

JAN: Values = {"email": "Jan@example.com"}
SHOP, CRM = ("shop", "1001"), ("crm", "1001")


def test_a_write_never_changes_what_the_other_system_points_at() -> None:
    oracle = Oracle()
    assert oracle.write(*SHOP, {**JAN, "firstName": "Jan"}) == Result("created", 0)
    assert oracle.write(*CRM, {"email": "JAN@example.com", "firstName": "J"}) == Result("linked", 0, "rule 1")
    assert oracle.ids == {SHOP: 0, CRM: 0}
    assert oracle.contacts[0].ids == {"shop": ["1001"], "crm": ["1001"]}
    assert oracle.contacts[0].values == {"email": "JAN@example.com", "firstName": "J"}
    assert oracle.contacts[0].provenance["firstName"] == Provenance(CRM, 1, ("Jan", SHOP), shared=False)
    assert oracle.keys() == {(1, "jan@example.com", 0)}
    assert oracle.write(*CRM, {"firstName": ""}).outcome == "updated"
    assert oracle.contacts[0].provenance["firstName"] == Provenance(CRM, None, ("Jan", SHOP), shared=False)
    assert oracle.write(*SHOP, {"firstName": None}).outcome == "unchanged"
    assert oracle.contacts[0].provenance["firstName"].shared


def test_one_id_value_in_two_systems_stays_two_contacts() -> None:
    oracle = Oracle()
    oracle.write(*SHOP, JAN)
    assert oracle.write(*CRM, {"email": "piet@example.com"}) == Result("created", 1)
    assert oracle.write(*CRM, JAN, link_to=0) == Result("id_conflict", candidates=[1])
    assert oracle.write(*CRM, JAN, link_to=9) == oracle.write("crm", "7", JAN, "patch") == Result("not_found")
    found = Result("updated", 1, "external_id", [("possible_duplicate", 0, 1)])
    assert oracle.write(*CRM, JAN, "patch") == found
    assert (oracle.ids, oracle.pairs) == ({SHOP: 0, CRM: 1}, {(0, 1): "possible_duplicate"})


def test_a_linked_system_finds_its_contact_until_it_unlinks() -> None:
    oracle = Oracle()
    oracle.write(*SHOP, JAN)
    assert oracle.write(*CRM, {}, link_to=0) == Result("linked", 0, "link_to")
    assert oracle.write("crm", "2", {}, link_to=0) == Result("id_conflict", candidates=[0])
    assert oracle.write(*CRM, {"email": "new@example.com"}) == Result("updated", 0, "external_id")
    assert oracle.write(*SHOP, {}) == Result("unchanged", 0, "external_id")
    assert oracle.unlink(*CRM) == Result("unlinked", 0)
    assert oracle.unlink(*CRM) == Result("not_found")
    assert (oracle.ids, oracle.contacts[0].ids) == ({SHOP: 0}, {"shop": ["1001"]})
    assert oracle.write(*CRM, JAN) == Result("created", 1)


def test_a_household_that_shares_an_address() -> None:
    oracle = Oracle(rules=[["email"], ["phoneNumber", "lastName"]])
    oracle.write(*SHOP, JAN)
    oracle.write("shop", "1", {"phoneNumber": "12", "lastName": "JANSEN"})
    both: Values = {**JAN, "phoneNumber": "12", "lastName": "Jansen"}
    found = Result("created", 2, warnings=[("id_conflict", 0, 1), ("possible_duplicate", 1, 2)])
    assert oracle.write("shop", "2", both) == found
    assert oracle.write(*CRM, JAN) == Result("created", 3, None, [("ambiguous", 0, 1), ("ambiguous", 2, 1)])
    oracle.policy = "reject"
    assert oracle.write("crm", "3", JAN) == Result("ambiguous_match", candidates=[0, 2, 3])
    assert oracle.write("crm", "3", {"email": "NoReply@x.nl"}).warnings == [("blocked_value", "email")]
    oracle.policy = "create"
    for number in range(30):
        result = oracle.write("shop", f"n{number}", JAN)
    assert result.warnings == [("value_too_common", 1)] + [("ambiguous", name, 1) for name in (0, 2, 3, 5, 6)]


def test_replacing_empties_only_what_is_its_own_alone() -> None:
    oracle = Oracle()
    oracle.write(*SHOP, {**JAN, "city": "Ede", "firstName": "Jan", "note": "x"})
    oracle.write(*CRM, {**JAN, "city": "Ede", "lastName": "Smit"})
    assert oracle.write(*SHOP, {"note": "y"}, "replace").outcome == "updated"
    assert oracle.contacts[0].values == {**JAN, "city": "Ede", "lastName": "Smit", "note": "y"}
    assert oracle.contacts[0].provenance["firstName"] == Provenance(SHOP, None, None, shared=False)
    assert oracle.write(*SHOP, {"note": "y"}, "replace").outcome == "unchanged"
    assert oracle.write(*SHOP, {"city": "Lent"}).outcome == "updated"
    oracle.write(*SHOP, {}, "replace")
    assert oracle.contacts[0].values == {**JAN, "lastName": "Smit"}
