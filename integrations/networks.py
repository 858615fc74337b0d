"""The networks from which an authentication may be used: CIDRs (RFC 4632, RFC 4291) as text."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from accounts.errors import FieldError, ValidationFailed

MOST = 50
"""How many an authentication may have."""
MOST_NAMED = 5
"""Entries that one error names."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(text: str) -> Address:
    """An address; one of IPv4 that is mapped into IPv6 (RFC 4291, 2.5.5.2) as what it is. Raises ValueError."""
    address = ip_address(text)
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def canonical(entries: Iterable[str]) -> list[str]:
    """The networks as CIDRs, each once, in the order given; a single address is a network of one.

    Raises ValidationFailed at `allowed_networks`, with one error that names the entries that are none.
    """
    found, wrong, errors = dict[str, None](), [], []
    for entry in entries:
        try:
            found[str(_network(entry))] = None
        except ValueError:
            wrong.append(entry)
    if wrong:
        errors.append(FieldError("allowed_networks", "invalid_network", _what_is_wrong(wrong)))
    if len(found) > MOST:
        errors.append(FieldError("allowed_networks", "too_many", f"Name at most {MOST} networks."))
    if errors:
        raise ValidationFailed(errors)
    return list(found)


def contain(networks: Sequence[str], address: str | None) -> bool:
    """Whether an address is in one of the networks, which are canonical. No network is no restriction; where there is
    one, an unknown address is outside."""
    if not networks:
        return True
    if address is None:
        return False
    known = address_of(address)
    return any(known in _network(network) for network in networks)


@lru_cache(maxsize=1000)
def _network(text: str) -> Network:
    if "%" in text:
        raise ValueError("a zone is of one machine")
    network = ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < 96:
        return network
    return IPv4Network((mapped, network.prefixlen - 96))


def _what_is_wrong(entries: Sequence[str]) -> str:
    """What entries like these ask for, together; of many, the first few."""
    said, unknown = list[str](), list[str]()
    for entry in dict.fromkeys(entries):
        shown = f"“{entry[:50]}”"
        try:
            wider = ip_network(entry, strict=False)
        except ValueError:
            unknown.append(shown)
            continue
        if "%" in entry:
            said.append(f"{shown} names a zone. Leave out what follows the %.")
        else:
            said.append(f"{shown} begins inside of a network. Write {wider} for the network, or the address alone.")
    if unknown:
        more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
        listed = f"{', '.join(unknown[:MOST_NAMED])}{more}"
        said.insert(
            0,
            f"{listed} {'are no networks' if len(unknown) > 1 else 'is no network'}. "
            "Write one as 192.0.2.0/24 or 2001:db8::/32, or a single address.",
        )
    return " ".join(said[:MOST_NAMED])
