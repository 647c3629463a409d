"""What the practice does: the only way a visit, a recall, a statement or a waiting list changes.

Each function is one transaction. The visit changes, its planned reminders change with it, and
the patient is told once; a rollback leaves none of the three. `actor` is `user:<uuid>` or
`system:<job>`; times are aware. `announce=False` changes the plans and tells nobody now, for
what is only being entered, such as the first import from another system.

What cannot be done is `Refused`: the sentence is for the person, `field` names the culprit.
"""

from portal.services.answers import answer
from portal.services.bill_questions import (
    ask_about_statement,
    question_about,
    take_back_question,
)
from portal.services.foreseeing import DryRun, dry_run, forecast
from portal.services.forms import complete_form, fill_in, request_form
from portal.services.guardians import (
    begin_guardianship,
    close_guardianships,
    date_guardianships,
    end_guardianship,
)
from portal.services.openings import (
    accept_opening,
    close_opening,
    offer_opening,
    offer_time_of,
)
from portal.services.patients import come_back, depart, upcoming_visits
from portal.services.places import keep, remove, replan_visits
from portal.services.recalls import (
    change_recall,
    complete_recall,
    end_recall,
    pause_recall,
    plan_recalls,
    start_recall,
)
from portal.services.reminders import default_reminder_rules, reminder_steps
from portal.services.statements import (
    issue_statement,
    known_to,
    pay_statement,
    withdraw_statement,
)
from portal.services.treatments import end_treatment, plan_treatment
from portal.services.visits import (
    book,
    cancel,
    complete,
    confirm,
    mark_missed,
    reschedule,
    reword,
)
from portal.services.waiting_list import join_waiting_list, leave_waiting_list
from portal.services.wishes import Wish, ask_to_move, take_back, wishes_about

__all__ = [
    "DryRun",
    "Wish",
    "accept_opening",
    "answer",
    "ask_about_statement",
    "ask_to_move",
    "begin_guardianship",
    "book",
    "cancel",
    "close_guardianships",
    "come_back",
    "change_recall",
    "close_opening",
    "complete",
    "complete_recall",
    "complete_form",
    "confirm",
    "date_guardianships",
    "default_reminder_rules",
    "depart",
    "dry_run",
    "end_guardianship",
    "end_recall",
    "end_treatment",
    "fill_in",
    "forecast",
    "issue_statement",
    "known_to",
    "join_waiting_list",
    "leave_waiting_list",
    "keep",
    "mark_missed",
    "offer_opening",
    "offer_time_of",
    "pause_recall",
    "pay_statement",
    "plan_recalls",
    "plan_treatment",
    "question_about",
    "reminder_steps",
    "remove",
    "replan_visits",
    "request_form",
    "reschedule",
    "take_back_question",
    "take_back",
    "upcoming_visits",
    "start_recall",
    "withdraw_statement",
    "reword",
    "wishes_about",
]
