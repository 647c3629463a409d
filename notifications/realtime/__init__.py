"""The log of what changed in each inbox, and the doorbell that says there is news.

The rows are the truth; whatever rings is a hint. A change to an inbox is an `InboxEvent` written
in the change's own transaction, numbered by the patient's `InboxState` row. That row is locked
before anything is inserted: ids alone become visible out of order on PostgreSQL, and a reader
that goes by "id > last" would miss some. Nothing else in the house touches the channel layer.
"""

from notifications.realtime.listening import Doorbell, doorbell
from notifications.realtime.log import lock, lock_all, record, record_created, record_each
from notifications.realtime.reading import Changes, changes_since, position
from notifications.realtime.ringing import ring_on_commit

__all__ = [
    "Changes",
    "Doorbell",
    "changes_since",
    "doorbell",
    "lock",
    "lock_all",
    "position",
    "record",
    "record_created",
    "record_each",
    "ring_on_commit",
]
