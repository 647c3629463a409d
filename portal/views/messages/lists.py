"""Which list a reader has before them, and how far it reaches."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from notifications.enums import Category
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.views.messages.rows import Row, rows_of

ROWS = 20
MOST = 100
VIEWS = {
    "": gettext_lazy("Inbox"),
    "unread": gettext_lazy("Unread"),
    "archived": pgettext_lazy("list of messages", "Archived"),
    "dismissed": pgettext_lazy("list of messages", "Dismissed"),
    "snoozed": pgettext_lazy("list of messages", "Snoozed"),
}
EMPTY = {
    "": gettext_lazy("No messages yet. We'll post appointment reminders and updates here."),
    "unread": gettext_lazy("You're all caught up."),
    "archived": gettext_lazy("Nothing archived."),
    "dismissed": gettext_lazy("Nothing dismissed."),
    "snoozed": gettext_lazy("Nothing snoozed."),
}
EMPTY_CATEGORY = {
    Category.APPOINTMENTS: gettext_lazy("No appointment messages."),
    Category.CLINICAL: gettext_lazy("No clinical messages."),
    Category.BILLING: gettext_lazy("No billing messages."),
    Category.RECALL: gettext_lazy("No recall messages."),
    Category.PRACTICE_NEWS: gettext_lazy("No practice news."),
    Category.ACCOUNT: gettext_lazy("No messages about your account."),
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A view of the centre, its filter, and the newest position it was drawn at (`up_to`)."""

    view: str = ""
    category: str = ""
    up_to: int | None = None

    @classmethod
    def of(cls, data: Any) -> "Shown":
        """Read a query or a form. Raises Refused for a view or a category nobody knows."""
        view, category, up_to = (data.get(name, "") for name in ("view", "category", "up_to"))
        if view not in VIEWS or category not in ("", *Category.values):
            raise Refused(_("There is no such list of messages."), field="view")
        return cls(view=view, category=category, up_to=_position(up_to))

    @property
    def is_live(self) -> bool:
        """Return whether what arrives belongs into this list: else only the badge moves."""
        return self.view in ("", "unread") and not self.category

    @property
    def query(self) -> str:
        """Return the part of an address that names this list, such as "?view=unread"."""
        named = {"view": self.view, "category": self.category}
        given = {name: value for name, value in named.items() if value}
        return f"?{urlencode(given)}" if given else "?"

    @property
    def empty(self) -> str:
        return str(EMPTY_CATEGORY.get(self.category) or EMPTY[self.view])

    def at(self, up_to: int) -> "Shown":
        return replace(self, up_to=up_to)

    def page(
        self, *, patient_id: UUID, before: str = "", limit: int = ROWS, unread_only: bool = False
    ) -> Any:
        """Return a page of this list, newest first. Raises Refused for a bad cursor."""
        return patient_notification_service.inbox(
            patient_id=patient_id,
            status=self.view if self.view not in ("", "unread") else "inbox",
            unread_only=unread_only or self.view == "unread",
            category=self.category,
            before=before,
            limit=limit,
        )

    def through(self, *, patient_id: UUID, last: str) -> Any:
        """Return the rows from the newest to the one at `last`, where a reader comes back to."""
        page = self.page(patient_id=patient_id, limit=MOST)
        kept = [item for item in page.items if item.seq >= (_position(last) or 0)]
        is_whole = len(kept) == len(page.items)
        cursor = page.next_cursor if is_whole else str(kept[-1].seq) if kept else ""
        return replace(page, items=kept, next_cursor=cursor)

    def newer(self, *, patient_id: UUID, limit: int = MOST) -> list[Row]:
        """Return the rows that came after this list was drawn."""
        if self.up_to is None:
            return []
        items = self.page(patient_id=patient_id, limit=limit).items
        return rows_of([item for item in items if item.seq > self.up_to])

    def unread(self, *, patient_id: UUID) -> int:
        """Return how many "Mark as read" would cover: unread, of this filter, drawn by now."""
        if self.view not in ("", "unread") or self.up_to is None:
            return 0
        return patient_notification_service.unread_count(
            patient_id=patient_id, category=self.category, up_to=self.up_to
        )


def _position(value: str) -> int | None:
    return int(value) if value.isdecimal() and len(value) <= 18 else None
