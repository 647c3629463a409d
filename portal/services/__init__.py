"""What the practice does: the only way a visit changes.

Each function is one transaction. The visit changes, its planned reminders change with it, and
the patient is told once; a rollback leaves none of the three. `actor` is `user:<uuid>` or
`system:<job>`; times are aware. `announce=False` changes the plans and tells nobody now, for
what is only being entered, such as the first import from another system.

What cannot be done is `Refused`: the sentence is for the person, `field` names the culprit.
"""

from portal.services.answers import answer
from portal.services.guardians import (
    begin_guardianship,
    close_guardianships,
    date_guardianships,
    end_guardianship,
)
from portal.services.patients import come_back, depart, upcoming_visits
from portal.services.reminders import default_reminder_rules, reminder_steps
from portal.services.visits import book, cancel, complete, confirm, mark_missed, reschedule

__all__ = [
    "answer",
    "begin_guardianship",
    "book",
    "cancel",
    "close_guardianships",
    "come_back",
    "complete",
    "confirm",
    "date_guardianships",
    "default_reminder_rules",
    "depart",
    "end_guardianship",
    "mark_missed",
    "reminder_steps",
    "reschedule",
    "upcoming_visits",
]
