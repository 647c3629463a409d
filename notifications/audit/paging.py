"""Pages by moment and id, newest first: a new row moves none from one page to the next."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from notifications.types import Refused

STAMP = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Where a page begins: everything older than this moment and id. Aware, UTC."""

    at: datetime
    id: UUID

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """Return what `str()` wrote, None for no cursor. Raises Refused."""
        stamp, _dash, row_id = text.partition("-")
        try:
            at = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC) if text else None
            return cls(at=at, id=UUID(row_id)) if at else None
        except ValueError:
            raise Refused(_("This page does not exist."), field="before") from None

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC).strftime(STAMP)}-{self.id.hex}"

    def older(self, rows: QuerySet, *, moment: str, key: str = "id") -> QuerySet:
        """Return the rows of before it, by the names of their moment and id."""
        same = Q(**{moment: self.at, f"{key}__lt": self.id})
        return rows.filter(Q(**{f"{moment}__lt": self.at}) | same)
