"""The networks from which an authentication may be used: CIDRs (RFC 4632, RFC 4291) as text."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from accounts.errors import FieldError, ValidationFailed

MOST = 50
"""How many an authentication may have."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(text: str) -> Address:
    """An address; one of IPv4 that is mapped into IPv6 (RFC 4291, 2.5.5.2) as what it is. Raises ValueError."""
    address = ip_address(text)
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def canonical(entries: Iterable[str]) -> list[str]:
    """The networks as CIDRs, each once, in the order given; a single address is a network of one.

    Raises ValidationFailed with an error for each entry that is none, at `allowed_networks`.
    """
    found, errors = dict[str, None](), []
    for entry in entries:
        try:
            found[str(_network(entry))] = None
        except ValueError:
            errors.append(FieldError("allowed_networks", "invalid_network", _what_is_wrong(entry)))
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


def _what_is_wrong(entry: str) -> str:
    shown = f"“{entry[:50]}”"
    try:
        wider = ip_network(entry, strict=False)
    except ValueError:
        return f"{shown} is no network. Write it as 192.0.2.0/24 or 2001:db8::/32, or a single address."
    if "%" in entry:
        return f"{shown} names a zone. Leave out what follows the %."
    return f"{shown} begins inside of a network. Write {wider} for the network, or the address alone."
