"""Networks: what is one, what is in it, and what is said about the others."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import ValidationFailed
from integrations import networks

ADDRESSES = st.ip_addresses()


def is_mapped(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is one of IPv4 that is written as one of IPv6; then it is in no network of IPv6."""
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


@pytest.mark.parametrize(
    ("entry", "cidr"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
    ],
)
def test_what_is_a_network(entry: str, cidr: str) -> None:
    assert networks.canonical([entry, entry]) == [cidr]
    assert networks.canonical([cidr]) == [cidr]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("", "“” is no network. Write one as 192.0.2.0/24"),
        ("shop.example.com", "“shop.example.com” is no network"),
        ("192.0.2.0/33", "is no network"),
        ("192.0.2.256", "is no network"),
        ("192.000.002.001", "is no network"),
        ("3221225985", "is no network"),
        ("192.0.2.7/24", "begins inside of a network. Write 192.0.2.0/24"),
        ("2001:db8::7/32", "begins inside of a network. Write 2001:db8::/32"),
        ("fe80::1%eth0", "names a zone"),
        ("x" * 1000, "“" + "x" * 50 + "”"),
    ],
)
def test_what_is_none(entry: str, told: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        networks.canonical(["10.0.0.0/8", entry])
    [wrong] = caught.value.errors
    assert (wrong.field, wrong.code) == ("allowed_networks", "invalid_network")
    assert told in wrong.detail


def test_one_error_names_all_that_are_none() -> None:
    with pytest.raises(ValidationFailed) as caught:
        networks.canonical(["10.0.0.1/8", "only", "from", "the", "office", "in", "the", "Hague", "please"])
    [wrong] = caught.value.errors
    assert wrong.detail == (
        "“only”, “from”, “the”, “office”, “in” and 2 more are no networks. "
        "Write one as 192.0.2.0/24 or 2001:db8::/32, or a single address. "
        "“10.0.0.1/8” begins inside of a network. Write 10.0.0.0/8 for the network, or the address alone."
    )


def test_there_are_fifty_at_most() -> None:
    some = [f"10.0.{number}.0/24" for number in range(networks.MOST)]
    assert networks.canonical([*some, *some]) == some
    with pytest.raises(ValidationFailed, match="at most 50"):
        networks.canonical([*some, "10.1.0.0/24"])


@given(ADDRESSES.filter(lambda address: not is_mapped(address)), st.data())
def test_an_address_is_in_the_networks_around_it_alone(address: IPv4Address | IPv6Address, data: st.DataObject) -> None:
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    network = str(ip_network((address, prefix), strict=False))
    [canonical] = networks.canonical([network])
    assert networks.contain([canonical], str(address))
    other = data.draw(ADDRESSES)
    if not is_mapped(other):
        assert networks.contain([canonical], str(other)) == (other in ip_network(network))


@given(st.ip_addresses(v=4))
def test_mapped_into_ipv6_an_address_is_the_same(address: IPv4Address) -> None:
    mapped = IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
    for form in (str(mapped), mapped.exploded, f"::ffff:{address}"):
        assert networks.contain([f"{address}/32"], form)
        assert networks.canonical([form]) == [f"{address}/32"]
    assert not networks.contain([str(IPv6Network("::fffe:0:0/95"))], str(mapped))


def test_no_network_is_no_restriction_and_an_unknown_address_is_outside() -> None:
    assert networks.contain([], None)
    assert not networks.contain(["0.0.0.0/0", "::/0"], None)
