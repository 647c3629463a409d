"""What the practice does: the only way a visit changes.

Each function is one transaction. The visit changes, its planned reminders change with it, and
the patient is told once; a rollback leaves none of the three. `actor` is `user:<uuid>` or
`system:<job>`; times are aware. `announce=False` changes the plans and tells nobody now, for
what is only being entered, such as the first import from another system.

What cannot be done is `Refused`: the sentence is for the person, `field` names the culprit.
"""

from portal.services.answers import answer
from portal.services.forms import complete_form, request_form
from portal.services.guardians import end_guardianship
from portal.services.places import keep, remove
from portal.services.reminders import default_reminder_rules, reminder_steps
from portal.services.visits import (
    book,
    cancel,
    complete,
    confirm,
    mark_missed,
    reschedule,
    reword,
)

__all__ = [
    "answer",
    "book",
    "cancel",
    "complete",
    "complete_form",
    "confirm",
    "default_reminder_rules",
    "end_guardianship",
    "keep",
    "mark_missed",
    "reminder_steps",
    "remove",
    "request_form",
    "reschedule",
    "reword",
]
