"""A patient's inbox: what is in it, and every change a patient can make and take back.

A change locks the patient's counters, alters the row, writes one event and one audit row; a
change that is already so writes nothing. Dismissing and archiving keep the read state.
"""

from notifications.inbox.batches import ReadBatch, mark_all_read, undo_read
from notifications.inbox.changes import CHANGES, Change, acting, change, is_counted, snoozing
from notifications.inbox.many import ManyChanged, change_many
from notifications.inbox.pages import LONGEST_PAGE, STATUSES, Page, count_unread, mark_seen, page
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
    "CHANGES",
    "LONGEST_PAGE",
    "STATUSES",
    "Change",
    "ManyChanged",
    "Page",
    "ReadBatch",
    "acting",
    "archiving",
    "ask_again_about",
    "change",
    "change_many",
    "count_unread",
    "expire_about",
    "expire_due",
    "forget_old_events",
    "is_counted",
    "mark_all_read",
    "note_about",
    "mark_seen",
    "page",
    "recount",
    "snoozing",
    "undo_read",
    "wake_due",
]
