"""The crash windows as data: who is killed where, on which channel, and what may be expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from notifications.windows import Window

TRIGGER, DIRECT, PLAN = "trigger", "direct", "plan"
REDACTED = {"NOTIFICATIONS_TWILIO_REDACTION": "true"}
SCENARIOS = "scenarios"  # all that is no window, where rows are asked for by name


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One row of the table.

    `made_by`: the process that makes the message: one to be killed, the rig itself, or a plan that
    the scheduler turns into a message. `answer_known`: whether anything tells what became of the
    message within seconds; where only look-ups or a second try do, no goal holds.
    """

    row: str
    window: Window
    naive: str
    here: str
    channel: str = "sms"
    made_by: str = DIRECT
    retries: bool = False  # whoever was killed asks again, with the same key
    callbacks: bool = True
    answer_known: bool = True
    alone: bool = False  # what recovers passes the same window at once: one run after the other
    in_waves: bool = False  # what recovers passes the same window, so no kill may wait there then
    environment: Mapping[str, str] = field(default_factory=dict)


SPECS = [
    Spec(
        row="W1",
        window=Window.BEFORE_COMMIT,
        naive="nothing, or half of it",
        here="nothing is there; the client asks again with its key, and it is sent once",
        made_by=TRIGGER,
        retries=True,
    ),
    Spec(
        row="W2",
        window=Window.BEFORE_WAKE_UP,
        naive="lost: the queue never heard of it",
        here="the row is the record: the next tick sends it",
        made_by=TRIGGER,
        alone=True,
    ),
    Spec(
        row="W3",
        window=Window.BEFORE_ATTEMPT,
        naive="stuck in the hands of a dead worker",
        here="claim and attempt are one transaction: it is as if nobody had looked",
        alone=True,
    ),
    Spec(
        row="W4",
        window=Window.BEFORE_REQUEST,
        naive="lost, or sent twice",
        here="unknown; two look-ups find nothing, so it is sent, once",
        answer_known=False,
        in_waves=True,
    ),
    Spec(
        row="W4 e-mail",
        window=Window.BEFORE_REQUEST,
        naive="lost, or sent twice",
        here="unknown; sent once more after ten minutes",
        channel="email",
        answer_known=False,
        in_waves=True,
    ),
    Spec(
        row="W4 push",
        window=Window.BEFORE_REQUEST,
        naive="lost, or shown twice",
        here="unknown; sent once more after ten minutes, under the same topic",
        channel="push",
        answer_known=False,
        in_waves=True,
    ),
    Spec(
        row="W5",
        window=Window.BEFORE_RECORD,
        naive="**a second text**",
        here="unknown; the carrier's call names our delivery: adopted, no second text",
    ),
    Spec(
        row="W5, no callbacks",
        window=Window.BEFORE_RECORD,
        naive="**a second text**",
        here="unknown; a look-up finds the text by number, time and words: adopted",
        callbacks=False,
        answer_known=False,
    ),
    Spec(
        row="W5, redacted",
        window=Window.BEFORE_RECORD,
        naive="**a second text**",
        here="look-ups see no words; the carrier's call names our delivery: adopted",
        environment=REDACTED,
    ),
    Spec(
        row="W5 e-mail",
        window=Window.BEFORE_RECORD,
        naive="a second e-mail, or none",
        here="plain SMTP tells nothing: one more after ten minutes, so two copies at most",
        channel="email",
        answer_known=False,
        in_waves=True,
    ),
    Spec(
        row="W5 push",
        window=Window.BEFORE_RECORD,
        naive="shown twice",
        here="once more after ten minutes; the same topic replaces the first",
        channel="push",
        answer_known=False,
        in_waves=True,
    ),
    Spec(
        row="W6",
        window=Window.BEFORE_ACKNOWLEDGE,
        naive="the task runs again and sends again",
        here="the task runs again, its claim finds nothing",
    ),
    Spec(
        row="W7",
        window=Window.BEFORE_RECEIPT,
        naive="the status stays stale for good",
        here="the call was kept before it was answered: the tick settles it",
        alone=True,
    ),
    Spec(
        row="W8",
        window=Window.BEFORE_PLAN,
        naive="a gap, or the same reminder twice",
        here="the plan is still planned; its key makes one message of any number of tries",
        made_by=PLAN,
        alone=True,
    ),
]
