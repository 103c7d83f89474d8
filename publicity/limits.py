"""How often somebody may try: counters in the shared store that vanish by themselves.

Three factors leave ten thousand guesses to one who knows a name and an ID number, and the portal must neither
let them be guessed nor let a stranger who guesses wrong on purpose keep the citizen out. So:

- **A guess is counted before it is looked at** and taken back when it was right, in one atomic step for all its
  counters: a thousand guesses at once pass no more than a thousand in turn. A refused try counts nowhere.
- **Where from and whom**: 5 misses in 15 minutes and 10 in a day for one person, or one name, from one network.
  Another network has its own count; a neighbour's mistakes do not shut anybody else out.
- **Where from**: 5 misses in 15 minutes from one network, and one more for every different person who was found
  from there meanwhile (at most 45): behind one address of a telephone company there are many honest people.
- **Whom, from everywhere**: 50 misses a day for one person and 500 for one name, against guessing from many
  networks. One network reaches a fifth and a fiftieth of that, so a single stranger cannot use the caps up.
- **A device on which a person was found before** has its own count for that person and none of the others, so
  whoever uses up the caps does not reach them. The mark is a keyed hash: it tells nothing to who reads it.
- **After two misses** of a network, or for a person from anywhere, a try has to be earned: see ``challenge``.
- Who is refused is told when to come back, and that the office looks it up at once with an ID card.

Keys are keyed hashes; no address, name or number reaches the store.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from subsidy_portal import clock, crypto
from subsidy_portal.addresses import network_of

WINDOW, DAY = 15 * 60, 24 * 3600
TRIES, TRIES_A_DAY = 5, 10
MOST_EARNED = 45
PERSON_A_DAY, NAME_A_DAY = 50, 500
DOUBTFUL = 2
OBJECTIONS, OBJECTIONS_A_DAY = 5, 20
# Behind one address of a telephone company a whole village may read.
NOTICE_PAGES = 600
INQUIRIES, INQUIRIES_A_DAY = 5, 20
NUMBERS, NUMBERS_A_DAY = 20, 60
ALARM = 300

# Either all counters have room and are raised, or none is: the number of the full one and its seconds to live.
_TAKE = """
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then
        return {i, redis.call('TTL', key)}
    end
end
for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[2 * i]) end
end
return {0, 0}
"""
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""
# A counter that has run out meanwhile is not brought back, it would never end.
_GIVE_BACK = """
for _, key in ipairs(KEYS) do
    if redis.call('EXISTS', key) == 1 then redis.call('DECR', key) end
end
"""


class Limited(Exception):
    """Too many tries; ``until`` is the time to come back."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        now = dt.datetime.now(clock.CHINA)
        self.seconds = max(seconds, 1)
        at = now + dt.timedelta(seconds=self.seconds)
        self.until = at.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
        self.tomorrow = self.until.date() != now.date()


@dataclass(frozen=True)
class Counter:
    key: str
    limit: int
    seconds: int


@cache
def _store() -> Any:
    return redis.Redis.from_url(str(settings.CACHES["default"]["LOCATION"]))


def _key(kind: str, *values: str) -> str:
    return f"limit:{kind}:{crypto.blind_index('|'.join(values), f'limit.{kind}').hex()}"


def take(counters: Iterable[Counter]) -> None:
    """Count one try in every counter, or raise Limited and count it in none."""
    counters = list(counters)
    arguments = [value for counter in counters for value in (counter.limit, counter.seconds)]
    full, seconds = _store().eval(_TAKE, len(counters), *(counter.key for counter in counters), *arguments)
    if full:
        raise Limited(int(seconds))


def _count(key: str, seconds: int) -> int:
    """One more in a window that begins with the first; returns the new count."""
    return int(_store().eval(_COUNT, 1, key, seconds))


class Device:
    """The mark a browser keeps of the persons found on it: its own random token and a keyed hash of each."""

    COOKIE, PERSONS, KEPT = "known", 8, 400 * DAY
    _signer = signing.TimestampSigner(salt="publicity.known")

    def __init__(self, request: HttpRequest) -> None:
        self.token, self.marks = "", []
        try:
            text = self._signer.unsign(request.COOKIES.get(self.COOKIE, ""), max_age=self.KEPT)
            self.token, *self.marks = text.split(".")
        except signing.BadSignature:
            self.token = secrets.token_hex(8)

    @staticmethod
    def _mark(id_number: str) -> str:
        return crypto.blind_index(id_number, "lookup.device").hex()[:24]

    def knows(self, id_number: str) -> bool:
        return self._mark(id_number) in self.marks

    def remember(self, id_number: str, response: HttpResponse, path: str) -> None:
        mark = self._mark(id_number)
        marks = [mark, *(other for other in self.marks if other != mark)][: self.PERSONS]
        response.set_cookie(
            self.COOKIE,
            self._signer.sign(".".join((self.token, *marks))),
            self.KEPT,
            path=path,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )


class LookupLimit:
    """The counters of one try to look somebody up: ``begin``, then ``missed`` or ``found``."""

    def __init__(self, request: HttpRequest, name: str, id_number: str) -> None:
        self.network, self.id_number = network_of(request), id_number
        self.device = Device(request)
        self.known = self.device.knows(id_number)
        if self.known:
            self.counters = self._near("device", self.device.token, id_number)
            return
        self.counters = [
            *self._near("person", self.network, id_number),
            *self._near("name", self.network, name),
            Counter(_key("person-everywhere", id_number), PERSON_A_DAY, DAY),
            Counter(_key("name-everywhere", name), NAME_A_DAY, DAY),
        ]

    @staticmethod
    def _near(kind: str, place: str, target: str) -> list[Counter]:
        key = _key(kind, place, target)
        return [Counter(f"{key}:window", TRIES, WINDOW), Counter(f"{key}:day", TRIES_A_DAY, DAY)]

    @property
    def _misses(self) -> str:
        return _key("misses", self.network)

    @property
    def _earned(self) -> str:
        return _key("earned", self.network)

    def begin(self) -> None:
        """Raises Limited. The network's own count is only read here: many honest people may ask at once."""
        if not self.known:
            misses, earned = (int(value or 0) for value in _store().mget(self._misses, self._earned))
            if misses >= TRIES + min(earned, MOST_EARNED):
                raise Limited(_store().ttl(self._misses))
        take(self.counters)

    @property
    def is_doubtful(self) -> bool:
        """Enough misses from this network, or for this person from anywhere, that the next try must be earned."""
        if self.known:
            return False
        misses, earned, person = (
            int(value or 0)
            for value in _store().mget(self._misses, self._earned, _key("person-everywhere", self.id_number))
        )
        return misses >= DOUBTFUL + min(earned, MOST_EARNED) or person >= DOUBTFUL

    def take_waited(self, seconds: int) -> None:
        """One lookup of this network that was earned by waiting; raises Limited when there was another just now."""
        take([Counter(_key("waited", self.network), 1, seconds)])

    def refused(self) -> bool:
        """Count a refusal; True for the first of this network in a while, the only one that becomes an event."""
        return _count(_key("refused", self.network), WINDOW) == 1

    def missed(self) -> bool:
        """Count a miss for the network and the whole site; True once, when the site has seen too many."""
        _count(self._misses, WINDOW)
        return _count("limit:site", WINDOW) == ALARM

    def found(self) -> None:
        """Take the try back; who is found from this network for the first time in a while earns it another miss."""
        _store().eval(_GIVE_BACK, len(self.counters), *(counter.key for counter in self.counters))
        if _store().set(_key("seen", self.network, self.id_number), 1, ex=WINDOW, nx=True):
            _count(self._earned, WINDOW)


def take_notice_page(request: HttpRequest) -> None:
    """Count one page of names read from this network; raises Limited. Nobody reads so many who does not copy them.

    When the store is away the page is shown: reading a notice must not depend on it.
    """
    try:
        take([Counter(_key("notice", network_of(request)), NOTICE_PAGES, WINDOW)])
    except redis.RedisError:
        return


class InquiryLimit:
    """The counters of one try to open an inquiry by number and code: ``begin``, then ``found``.

    The code has six digits and the numbers can be guessed, so a network is counted over all numbers too.
    """

    def __init__(self, request: HttpRequest, number: str) -> None:
        network = network_of(request)
        near, place = _key("inquiry", network, number), _key("inquiry-network", network)
        self.counters = [
            Counter(f"{near}:window", TRIES, WINDOW),
            Counter(f"{near}:day", TRIES_A_DAY, DAY),
            Counter(f"{place}:window", NUMBERS, WINDOW),
            Counter(f"{place}:day", NUMBERS_A_DAY, DAY),
            Counter(_key("inquiry-everywhere", number), PERSON_A_DAY, DAY),
        ]

    def begin(self) -> None:
        """Raises Limited."""
        take(self.counters)

    def found(self) -> None:
        _store().eval(_GIVE_BACK, len(self.counters), *(counter.key for counter in self.counters))


def take_inquiry(request: HttpRequest) -> None:
    """Count one inquiry of this network; raises Limited."""
    key = _key("inquiry-filed", network_of(request))
    take([Counter(f"{key}:window", INQUIRIES, WINDOW), Counter(f"{key}:day", INQUIRIES_A_DAY, DAY)])


def take_objection(request: HttpRequest) -> None:
    """Count one objection of this network; raises Limited. Each one holds a row, so they must not be free."""
    key = _key("objection", network_of(request))
    take([Counter(f"{key}:window", OBJECTIONS, WINDOW), Counter(f"{key}:day", OBJECTIONS_A_DAY, DAY)])
