"""How many requests an authentication may make in a minute, and how many sign-ins may fail.

Minutes are those of the clock. All processes share one limit through the cache, and ask it seldom: a process takes a
twentieth of the limit at a time, its share, and counts that down in its own memory. Its first share of a minute it
takes unasked, so that who calls now and then never costs the cache anything.

How exact that is: with one process the limit is met exactly. Each further process may let through one share more (a
limit of 600 and four processes: 690 at most); and it may keep a share to itself that it does not use up, so that the
others refuse that much earlier, yet never before they have let through the limit less one share for each other process.
A share is taken by `cache.add`, of which one caller wins on every cache, the database's included.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from threading import Lock
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.middleware import client_address
from accounts.rest import Throttled

if TYPE_CHECKING:
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)

WINDOW = 60
"""Seconds, for which a limit is."""
SHARES = 20
MOST_KNOWN = 50_000
"""Callers that a process counts at a time; beyond them it forgets those that began first."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with a limit after a request; `wait`: seconds until the next minute."""

    is_within: bool
    limit: int
    remaining: int
    wait: int

    @property
    def headers(self) -> Mapping[str, str]:
        """What the IETF's draft-ietf-httpapi-ratelimit-headers (version 6) calls them."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.wait),
            "RateLimit-Policy": f"{self.limit};w={WINDOW}",
        }


@dataclass(slots=True)
class _Tally:
    """What a process knows of one caller in one window: requests left to it, shares taken by all processes."""

    window: int
    left: int
    taken: int = 0
    lock: Lock = field(default_factory=Lock)


class Counter:
    """Counts for one process what all of them share."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}
        self._lock = Lock()

    def count(self, who: str, limit: int) -> Standing:
        """Counts one request of somebody who may make `limit` of them, at least one, in a window."""
        window, past = divmod(int(time.time()), WINDOW)
        share = -(-limit // SHARES)
        in_cache = -(-limit // share) - 1
        tally = self._tally(who, window, limit - in_cache * share)
        with tally.lock:
            if not tally.left and tally.taken < in_cache and self._take_share(who, tally, in_cache):
                tally.left = share
            is_within = tally.left > 0
            tally.left -= is_within
            remaining = tally.left + (in_cache - tally.taken) * share
        return Standing(is_within, limit, remaining, WINDOW - past)

    def forget(self) -> None:
        """Begins anew, as a process that has just started."""
        with self._lock:
            self._tallies.clear()

    def _tally(self, who: str, window: int, unasked: int) -> _Tally:
        with self._lock:
            tally = self._tallies.get(who)
            if tally is None or tally.window != window:
                self._tallies.pop(who, None)
                if len(self._tallies) >= MOST_KNOWN:
                    del self._tallies[next(iter(self._tallies))]
                tally = self._tallies[who] = _Tally(window, unasked)
            return tally

    @staticmethod
    def _take_share(who: str, tally: _Tally, in_cache: int) -> bool:
        """Whether a share was left to take. Without the cache there always is: better no limit than no service."""
        keys = [f"throttle:{who}:{tally.window}:{number}" for number in range(in_cache)]
        try:
            known = cache.get_many(keys[tally.taken :])
            while tally.taken < in_cache:
                key = keys[tally.taken]
                tally.taken += 1
                if key in known:
                    continue
                # For no longer than the window, or they would push others out; clocks may differ by some seconds.
                if cache.add(key, 1, timeout=WINDOW + 5 - int(time.time()) % WINDOW):
                    return True
                if cache.get(key) is None:  # nobody else took it: the database's cache hides that it can't write
                    log.error("throttle_cache_unwritable")
                    return True
        except Exception:  # whatever the cache's client raises
            log.exception("throttle_cache_unavailable")
            return True
        return False


counter = Counter()


class AuthenticationThrottle(BaseThrottle):
    """At most API_REQUESTS_PER_MINUTE of each authentication; 0 is no limit. Every answer tells where it stands."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Raises Throttled beyond the limit."""
        caller: Any = request.auth
        limit: int = settings.API_REQUESTS_PER_MINUTE
        if caller is None or not limit:
            return True
        standing = counter.count(f"requests:{caller.authentication_id}", limit)
        view.headers.update(standing.headers)
        if not standing.is_within:
            raise Throttled(
                f"This authentication may make {limit} requests a minute. Go on in {standing.wait} seconds, and send "
                "many contacts in one call: /batch takes 1,000 of them, /imports a file.",
                wait=standing.wait,
            )
        return True


def count_failure(request: Request, key: str) -> None:
    """Counts a failed sign-in, of its address and, where it named a key, of that key from there. It is nothing to who
    signs in rightly. One address of IPv6 is as good as its /64: whoever has one has all of them.

    Raises Throttled beyond API_FAILURES_PER_MINUTE of an address, or a quarter of them for one key.
    """
    limit: int = settings.API_FAILURES_PER_MINUTE
    if not limit:
        return
    address = client_address(request._request) or "unknown"
    if ":" in address:
        address = str(IPv6Network((address.partition("%")[0], 64), strict=False))
    counts = {f"failures:{address}": limit}
    if key:
        counts[f"failures:{address}:{key}"] = -(-limit // 4)
    for who, most in counts.items():
        # The address first: beyond its limit nothing more is kept of the keys that it makes up.
        standing = counter.count(who, most)
        if not standing.is_within:
            raise Throttled("Too many sign-ins from this address have failed. Wait a minute.", wait=standing.wait)
