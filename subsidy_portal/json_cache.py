"""What the cache keeps is JSON: whoever can write into Redis must not be able to run code in the portal.

A Redis that is away makes pages slower, nothing else: the truth is in Postgres.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TooSlow

log = logging.getLogger(__name__)


class JsonSerializer:
    """For RedisCache: integers stay integers (Redis counts with them), everything else is JSON text."""

    def dumps(self, value: Any) -> int | bytes:
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class ForgetfulCache(RedisCache):
    """Redis while it is there; without it nothing is found and nothing is kept.

    ``add`` then says that the key was there already: what may be done once is refused rather than done twice.
    """

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except (Unreachable, TooSlow) as error:
            log.warning("cache: %s", type(error).__name__)
            return default

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        try:
            super().set(key, value, *args, **kwargs)
        except (Unreachable, TooSlow) as error:
            log.warning("cache: %s", type(error).__name__)

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        try:
            return bool(super().add(key, value, *args, **kwargs))
        except (Unreachable, TooSlow) as error:
            log.warning("cache: %s", type(error).__name__)
            return False
