"""What the ids of a source stand for here: (source, resource, id), never a name."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Self
from uuid import UUID

from notifications import clock
from notifications.crypto import new_id
from portal.importers.records import Key
from portal.models import ExternalId

AT_ONCE = 500  # ids asked for in one query
RUN = ("Import", "first")  # a source's own row: open until its first import is whole
DONE = "done"


class Known:
    """The ids of one source that a piece of work needs, and what it learns about them."""

    def __init__(self, *, source: str) -> None:
        self._source = source
        self._rows: dict[Key, ExternalId] = {}
        self._fresh: list[ExternalId] = []
        self._changed: dict[Key, ExternalId] = {}

    @classmethod
    def load(cls, *, source: str, keys: Iterable[Key]) -> Self:
        """Read what is known of these ids: one query for each 500 of a resource."""
        known, by_resource = cls(source=source), {}
        for resource, external_id in keys:
            by_resource.setdefault(resource, set()).add(external_id)
        for resource, ids in by_resource.items():
            for some in batched(ids, AT_ONCE):
                rows = ExternalId.objects.filter(
                    source=source, resource=resource, external_id__in=some
                )
                known._rows |= {(resource, row.external_id): row for row in rows}
        return known

    def id_of(self, key: Key | None) -> UUID | None:
        row = self._rows.get(key)
        return row.object_id if row else None

    def digest_of(self, key: Key) -> str | None:
        """Return the fingerprint of the last import; None for what was never imported."""
        row = self._rows.get(key)
        return row.digest if row else None

    def remember(self, key: Key, *, object_id: UUID, digest: str) -> None:
        """Note what an id stands for; `save` writes it."""
        row = self._rows.get(key)
        if row is None:
            resource, external_id = key
            row = ExternalId(source=self._source, resource=resource, external_id=external_id)
            self._rows[key] = row
            self._fresh.append(row)
        elif row.pk and (row.object_id, row.digest) != (object_id, digest):
            self._changed[key] = row
        row.object_id, row.digest, row.imported_at = object_id, digest, clock.now()

    def save(self) -> None:
        """Write what was noted, in two statements, in the caller's transaction."""
        ExternalId.objects.bulk_create(self._fresh)
        ExternalId.objects.bulk_update(
            self._changed.values(), ["object_id", "digest", "imported_at"], batch_size=AT_ONCE
        )
        self._fresh, self._changed = [], {}


def zones_of_source(*, source: str) -> dict[str, UUID]:
    """Return our id of every location this source has named."""
    rows = ExternalId.objects.filter(source=source, resource="Location")
    return dict(rows.values_list("external_id", "object_id"))


def is_first(*, source: str) -> bool:
    """Return whether no import from this source has been finished yet."""
    return not _runs(source).filter(digest=DONE).exists()


def hold_source(*, source: str) -> None:
    """Let one import of a source write at a time; until the caller's transaction ends."""
    _runs(source).get_or_create(defaults=_run_names(source) | {"object_id": new_id()})
    _runs(source).select_for_update().get()


def finish(*, source: str) -> None:
    """Note that an import of this source is whole: from now on, news is told."""
    _runs(source).update(digest=DONE, imported_at=clock.now())


def _run_names(source: str) -> dict[str, str]:
    return {"source": source, "resource": RUN[0], "external_id": RUN[1]}


def _runs(source: str):
    return ExternalId.objects.filter(**_run_names(source))


def batched(items: Iterable, size: int) -> Iterator[list]:
    """Yield the items in lists of at most `size`."""
    remaining = iter(items)
    while some := list(islice(remaining, size)):
        yield some
