from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from contacts.normalise import Value
from contacts.provenance import THIS_WRITE, Before, Entry, Parted, Stamp, Writer, decode, encode, part, written

writers = st.builds(Writer, st.integers(1, 3), st.sampled_from(("1", "2", "x")))
stamps = st.builds(Stamp, writers, st.integers(0, 3), st.none() | st.integers(1, 3))
entries = st.dictionaries(
    st.sampled_from(("email", "city", "lastName")),
    st.builds(
        Entry,
        stamps,
        st.lists(stamps, max_size=2).map(tuple),
        st.none() | st.builds(Before, st.none() | st.text(), stamps),
    ),
)


def at(stamp: Stamp) -> Stamp:
    return structs.replace(stamp, write=77) if stamp.write == THIS_WRITE else stamp


@given(entries, st.sets(st.sampled_from(("email", "city", "lastName"))))
def test_provenance_survives_storage_and_learns_its_write(provenance: dict[str, Entry], emptied: set[str]) -> None:
    values: dict[str, Value] = dict.fromkeys(provenance.keys() - emptied, "x")
    expected = {
        name: Entry(
            at(entry.stamp),
            tuple(at(stamp) for stamp in entry.shared),
            entry.before and Before(entry.before.value, at(entry.before.stamp)),
        )
        for name, entry in provenance.items()
    }
    assert decode(encode(provenance, values, 77), values) == expected


SHOP, CRM = Stamp(Writer(1, "1"), 1, None), Stamp(Writer(2, "1"), 2, None)


def test_who_leaves_takes_what_they_sent_and_what_it_replaced_comes_back() -> None:
    shop, crm = SHOP.writer, CRM.writer
    own, shared = Entry(CRM, before=Before("Ede", SHOP)), Entry(SHOP, shared=(CRM,))
    assert part(own, "Epe", crm) == Parted(("Epe", Entry(CRM)), "Ede", Entry(SHOP))
    assert part(own, "Epe", shop) == Parted(None, "Epe", Entry(CRM))
    assert part(shared, "Ede", crm) == Parted(("Ede", Entry(CRM)), "Ede", Entry(SHOP))
    assert part(shared, "Ede", shop) == Parted(("Ede", Entry(SHOP)), "Ede", Entry(CRM))
    assert part(Entry(SHOP), "Ede", shop) == Parted(("Ede", Entry(SHOP)), None, None)
    assert part(Entry(SHOP), "Ede", crm) == Parted(None, "Ede", Entry(SHOP))


def test_an_equal_value_by_another_writer_is_shared_and_a_different_one_is_not() -> None:
    first = written(None, None, "Jan", SHOP)
    shared = written(first, "Jan", "Jan", CRM)
    assert shared == Entry(SHOP, shared=(CRM,))
    assert written(shared, "Jan", "Jan", CRM) == shared
    assert written(shared, "Jan", "Piet", CRM) == Entry(CRM, before=Before("Jan", SHOP))


def test_a_writer_that_corrects_itself_keeps_what_it_first_replaced() -> None:
    first = written(None, None, "Jan", SHOP)
    second = written(first, "Jan", "Piet", CRM)
    assert written(second, "Piet", "Pieter", CRM) == Entry(CRM, before=Before("Jan", SHOP))


def test_emptying_nothing_leaves_no_trace_and_emptying_a_value_does() -> None:
    assert written(None, None, None, SHOP) is None
    assert written(Entry(SHOP), "Jan", None, CRM) == Entry(CRM, before=Before("Jan", SHOP))
