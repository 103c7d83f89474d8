"""Where a request comes from, as the outermost trusted proxy saw it.

Whatever a client writes into X-Forwarded-For itself stands left of what the trusted proxies add.
"""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def _network(request: HttpRequest) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    address, proxies = request.META.get("REMOTE_ADDR", ""), settings.AXES_IPWARE_PROXY_COUNT
    if proxies:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        address = hops[-proxies] if len(hops) >= proxies else address
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv4Address):
        return ipaddress.IPv4Network(ip)
    if ip.ipv4_mapped:
        return ipaddress.IPv4Network(ip.ipv4_mapped)
    return ipaddress.IPv6Network((ip, 64), strict=False)


def network_of(request: HttpRequest) -> str:
    """The IPv4 address or the IPv6 /64, as text; ``unknown`` when there is none."""
    found = _network(request)
    if found is None:
        return "unknown"
    return str(found.network_address if found.version == 4 else found)


def address_of(request: HttpRequest) -> str | None:
    """The same as one address (an IPv6 /64 by its first), for the lock-out of the login; None when there is none."""
    found = _network(request)
    return None if found is None else str(found.network_address)
