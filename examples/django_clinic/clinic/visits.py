"""The one place that says how this clinic holds its visits: for its views, and for its ASGI server."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection

from hugathome import blocking
from hugathome.stores import open_store

T = TypeVar("T")


def deployment(kind: Callable[..., T], where: Any) -> T:
    """Return a `HugAtHome` of either kind: key and site must be the same for both."""
    return kind(
        key=settings.HUG_KEY,
        store=open_store(where),
        sms=settings.HUG_SMS,
        site=settings.HUG_SITE,
        timezone="Europe/Zurich",
        brand="HUG@home",
        language="fr",
        frames=settings.HUG_FRAMES,
    )


@cache
def visits() -> blocking.HugAtHome:
    """Return what views call; it works inside the transaction that the view is in."""
    return deployment(blocking.HugAtHome, connection)
