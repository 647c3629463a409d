"""The ladders a rule may choose: which channel comes after which, and how long each has."""

from datetime import timedelta

from notifications.types import LadderSteps, Rung
from portal.models import ReminderRule

HOUR = timedelta(hours=1)
# Text, e-mail and call need a day and two hours: counted back from five in the afternoon the text
# goes at three the day before, the e-mail lies there in the morning, the call is made after lunch.
LADDERS: dict[str, LadderSteps] = {
    ReminderRule.Ladder.STANDARD: (
        ("push", 2 * HOUR),
        ("sms", 6 * HOUR),
        ("email", 16 * HOUR),
        (Rung.CALL, 4 * HOUR),
    ),
    ReminderRule.Ladder.MAIL_FIRST: (
        ("email", 18 * HOUR),
        ("sms", 6 * HOUR),
        (Rung.CALL, 4 * HOUR),
    ),
}
