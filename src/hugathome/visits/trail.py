"""Read and verify the audit trails of a deployment.

What is listed is not verified: whoever must rely on it verifies it first. What a trail holds, and how it is
linked, stands in `audit.py`; it is written where sessions are saved, in `archive.py`.
"""

from collections.abc import Callable, Sequence

from hugathome.discretion import discreet
from hugathome.errors import AuditBroken, ConfigurationError
from hugathome.keys import KeyRing
from hugathome.organisations import Organisations, refuse_unless_a_name
from hugathome.record.audit import START, Attempt, AuditEntry, AuditStore, Chain, Head, SealedEntry
from hugathome.record.inquiry import Inquiry, Reading
from hugathome.visits.ledger import refuse_to_page

_AT_ONCE = 1000


@discreet
class Trail:
    """The audit trails of every organisation, or of those that are named."""

    def __init__(
        self, *, store: AuditStore, keys: KeyRing, organisations: Organisations | None = None
    ) -> None:
        """Raises `ConfigurationError` for a store that keeps no audit trail."""
        if not isinstance(store, AuditStore):
            raise ConfigurationError("this store keeps no audit trail: see hugathome.record.audit.AuditStore")
        self._store = store
        self._keys = keys
        self._organisations = organisations

    async def entries(self, organisation: str, *, after: int = 0, limit: int = 100) -> Sequence[AuditEntry]:
        """Return an organisation's entries after a position, in order, at most `limit`."""
        self._refuse_unless_ours(organisation)
        refuse_to_page(limit, after)
        sealed = await self._store.load_audit(organisation, after=after, limit=limit)
        return [self._opened(organisation, entry) for entry in sealed if entry.position > after]

    async def head(self, organisation: str) -> Head:
        """Return how far an organisation's trail goes: for a host to note where no database is."""
        self._refuse_unless_ours(organisation)
        return await self._store.load_audit_head(organisation)

    async def verify(
        self, organisation: str, *, after: Head | str = START, head: Head | str | None = None
    ) -> Head:
        """Return how far an organisation's trail is as it was written, which is to its end.

        `after` is a head from which on to look: what lies before was verified earlier, or has been deleted.
        `head` is one that was noted elsewhere: without it, nobody sees that the end was cut off. Raises
        `AuditBroken`, which names the first entry that was altered, removed, inserted or moved.
        """
        self._refuse_unless_ours(organisation)
        chain = Chain(self._keys, organisation)
        reading = Reading(chain, after=_head(after), noted=None if head is None else _head(head))
        await self._read(organisation, reading.begun, reading.read)
        broken = reading.end()
        if reading.suspect is not None:
            inquiry = Inquiry(chain, reading)
            await self._read(organisation, reading.begun, inquiry.hear)
            broken = inquiry.finding()
        if broken is not None:
            raise AuditBroken(position=broken.position, fault=broken.fault)
        return reading.head

    async def _read(
        self, organisation: str, begun: Head, read: Callable[[Sequence[SealedEntry]], bool]
    ) -> None:
        """Hand a trail over, page by page, to its end or until `read` has read enough."""
        after = begun.position
        while page := await self._store.load_audit(organisation, after=after, limit=_AT_ONCE):
            if not read(page) or page[-1].position <= after:
                return  # what somebody wrote for a position may lead nowhere
            after = page[-1].position

    def _opened(self, organisation: str, entry: SealedEntry) -> AuditEntry:
        body = self._keys.open("audit", entry.body, bound_to=(organisation,))
        return AuditEntry(position=entry.position, **dict(Attempt.from_json(body)))

    def _refuse_unless_ours(self, organisation: str) -> None:
        if self._organisations is not None:
            self._organisations.get(organisation)
        refuse_unless_a_name(organisation)


def _head(noted: Head | str) -> Head:
    return noted if isinstance(noted, Head) else Head.parse(noted)
