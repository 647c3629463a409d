"""The audit trail: who did what to whom, in rows that cannot be changed without it showing.

A row is written in the caller's transaction and carries an HMAC of its own, so nobody who writes
waits for anybody else. The clock seals what was committed in blocks, each seal over the one before
it and the ids of its rows: what is younger than a minute may still be unsealed, and that is the
window in which a deleted row would not be missed. The mac of a day's first seal is also written to
the log, which is kept outside the database, so that a cut-off end shows as well.

Actors are `user:<id>` for people and `system:<job>` for programs. Details hold ids and codes.
"""

from notifications.audit.paging import Cursor
from notifications.audit.purging import purging
from notifications.audit.reading import Changes, changes_of, names_of, refused_minutes
from notifications.audit.sealing import WINDOW, seal
from notifications.audit.verifying import verify
from notifications.audit.writing import (
    CARRIERS,
    actor_of,
    record,
    record_denied,
    record_each,
    record_many,
)

__all__ = [
    "CARRIERS",
    "WINDOW",
    "Changes",
    "Cursor",
    "actor_of",
    "changes_of",
    "names_of",
    "purging",
    "record",
    "record_denied",
    "record_each",
    "record_many",
    "refused_minutes",
    "seal",
    "verify",
]
