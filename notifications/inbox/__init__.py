"""A patient's inbox: what is in it, and every change a patient can make and take back.

A change locks the patient's counters, alters the row, writes one event and one audit row; a
change that is already so writes nothing. Dismissing and archiving keep the read state.
"""

from notifications.inbox.batches import ReadBatch, mark_all_read, undo_read
from notifications.inbox.changes import (
    Apply,
    acting,
    archiving,
    change,
    dismissing,
    is_counted,
    reading,
    restoring,
    snoozing,
    unreading,
)
from notifications.inbox.pages import LONGEST_PAGE, STATUSES, Page, count_unread, page
from notifications.inbox.upkeep import (
    ask_again_about,
    expire_about,
    expire_due,
    forget_old_events,
    note_about,
    recount,
    wake_due,
)

__all__ = [
    "LONGEST_PAGE",
    "STATUSES",
    "Apply",
    "Page",
    "ReadBatch",
    "acting",
    "archiving",
    "ask_again_about",
    "change",
    "count_unread",
    "dismissing",
    "expire_about",
    "expire_due",
    "forget_old_events",
    "is_counted",
    "mark_all_read",
    "note_about",
    "page",
    "reading",
    "recount",
    "restoring",
    "snoozing",
    "undo_read",
    "unreading",
    "wake_due",
]
