"""What the cache keeps is JSON: whoever can write into Redis must not be able to run code in the portal."""

from __future__ import annotations

import json
from typing import Any


class JsonSerializer:
    """For RedisCache: integers stay integers (Redis counts with them), everything else is JSON text."""

    def dumps(self, value: Any) -> int | bytes:
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)
