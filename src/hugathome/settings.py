"""Addresses and secrets that a host sets: refused at construction, in words that name the setting."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from hugathome.errors import ConfigurationError
from hugathome.sms.reading import SIGNING

_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.\d{1,3}|\[::1\])(:\d+)?(/|$)")


def checked_site(site: str) -> str:
    """Return the public address of the pages; what patients type a code into is never sent in the clear."""
    if not isinstance(site, str) or (not site.startswith("https://") and not _LOOPBACK.match(site)):
        raise ConfigurationError("site= takes an https URL; http only on loopback")
    return site.rstrip("/")


def checked_secrets(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the secrets of gateways; one that signs nothing would seem to be checked, and is refused."""
    if unknown := set(secrets).difference(SIGNING):
        raise ConfigurationError(
            f"receipt_secrets= knows {', '.join(SIGNING)}, not {', '.join(sorted(unknown))}"
        )
    if not all(isinstance(secret, str) and secret for secret in secrets.values()):
        raise ConfigurationError("receipt_secrets= takes texts that are not empty")
    return MappingProxyType(dict(secrets))


def checked_link(url: str | None, name: str) -> str | None:
    """Return where a page's link leads: never a script, which would run as the page's own."""
    if url is not None and not url.startswith(("https://", "http://")):
        raise ConfigurationError(f"{name}= takes an https URL")
    return url
