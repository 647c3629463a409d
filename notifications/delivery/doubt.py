"""After a backup was put back: takes what it calls unsent for what it is, not known.

What was due before the hold may have left since the backup was made. Each such delivery gets an
attempt whose answer was lost, begun when the backup was made, with the words that would have gone;
`settle` then asks the carrier. Nothing of it is repeated on the strength of a rule of thumb.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import Error, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from notifications import clock, switches
from notifications.crypto import keys_loaded
from notifications.delivery.claim import attempt_of, count_texts, settle_verdicts
from notifications.delivery.judging import UNWRITABLE, Verdict
from notifications.delivery.statuses import Report, audit_settled, move
from notifications.delivery.words import compose
from notifications.enums import (
    OPEN_STATUSES,
    Action,
    AttemptResult,
    DeliveryStatus,
    Reason,
)
from notifications.facts import People, facts_for
from notifications.models import Delivery, DeliveryAttempt, ScheduledNotification
from notifications.policy import Facts, allowed_level, decide
from notifications.switches import RESTORED, Switches
from notifications.types import PatientProfile

logger = logging.getLogger(__name__)

BATCH = 200


def doubt(*, restored_from: datetime, held_at: datetime) -> Report:
    """Take everything that may have left between two moments (aware) for not known.

    It goes on for as long as the hold that began at the later one lasts: where another release
    has ended it, rows are no longer what the backup said.
    """
    report = Report()
    while _doubt_some(restored_from, held_at, report):
        pass
    _ask_about_open_answers(held_at, report)
    return report


@transaction.atomic
def _doubt_some(restored_from: datetime, held_at: datetime, report: Report) -> int:
    if not switches.keep_hold(since=held_at):
        return 0
    rows = list(_doubtful(held_at)[:BATCH])
    patients = {row.notification.patient_id for row in rows}
    with keys_loaded(patients):
        _judge(rows, restored_from, report)
    return len(rows)


def _doubtful(held_at: datetime) -> QuerySet[Delivery]:
    """Return what is due and was written, or planned for a moment, before the hold."""
    planned = ScheduledNotification.objects.filter(
        notification=OuterRef("notification"), due_at__lt=held_at
    )
    rows = Delivery.objects.filter(status__in=OPEN_STATUSES, due_at__lte=clock.now())
    rows = rows.filter(Q(notification__created_at__lt=held_at) | Q(Exists(planned)))
    return rows.select_related("notification").select_for_update(of=("self",)).order_by("id")


def _judge(rows: Sequence[Delivery], restored_from: datetime, report: Report) -> None:
    """Skip what policy would have skipped then too; of then, the hour it is now says nothing."""
    people = People.of({row.notification.patient_id for row in rows})
    known = facts_for(deliveries=rows, now=clock.now(), people=people, switched=Switches())
    skipped, doubted = [], []
    for row, facts in zip(rows, known, strict=True):
        verdict = _verdict(
            row, _as_then(facts, restored_from), people.profiles[row.notification.patient_id]
        )
        if verdict.words is None:
            skipped.append(verdict)
            continue
        row.level = verdict.words.envelope.level
        doubted.append(_not_known(row, verdict.words.content, restored_from))
    settle_verdicts(skipped, report)
    DeliveryAttempt.objects.bulk_create(doubted)
    count_texts(doubted)
    audit_settled([attempt.delivery for attempt in doubted])
    report.add(DeliveryStatus.UNKNOWN, len(doubted))


def _as_then(facts: Facts, restored_from: datetime) -> Facts:
    """Return the facts without what may have come true only after the message had left.

    What the carrier never had is planned again, and the claim calls it too late or cancelled.
    """
    if facts.expires_at is not None and facts.expires_at <= restored_from:
        return facts
    return replace(facts, expires_at=None, is_irrelevant=False)


def _verdict(row: Delivery, facts: Facts, profile: PatientProfile) -> Verdict:
    """Decide about one; with words where it may have left."""
    try:
        decision = decide(facts)
        is_skipped = decision.action == Action.SKIP
        level = allowed_level(facts)
        words = None if is_skipped else compose(row, level=level, profile=profile)
    except Error:
        raise
    except Exception as fault:  # whatever breaks in one text must not keep the others waiting
        logger.error("delivery %s cannot be written: %s", row.pk, type(fault).__name__)
        return Verdict(row=row, decision=UNWRITABLE)
    return Verdict(row=row, decision=decision, words=words)


def _not_known(row: Delivery, content: dict[str, str], restored_from: datetime) -> DeliveryAttempt:
    move(
        row,
        DeliveryStatus.UNKNOWN,
        reason=Reason.ANSWER_UNKNOWN,
        reason_params={},
        level=row.level,
        contact=row.contact,
        attempts=row.attempts + 1,
        fence=row.fence + 1,
        look_ups=0,
    )
    attempt = attempt_of(row, content)
    attempt.started_at, attempt.finished_at = restored_from, clock.now()
    attempt.result, attempt.code = AttemptResult.ANSWER_LOST, RESTORED
    return attempt


@transaction.atomic
def _ask_about_open_answers(held_at: datetime, report: Report) -> None:
    """What was not known in the backup may have been repeated since: it is not repeated again.

    What was left to a person then stays with them.
    """
    if not switches.keep_hold(since=held_at):
        return
    unknown = Delivery.objects.filter(status=DeliveryStatus.UNKNOWN, handled_at=None)
    unknown = unknown.exclude(reason=Reason.ANSWER_UNSETTLED)
    sending = Delivery.objects.filter(status=DeliveryStatus.SENDING)
    lost = (AttemptResult.STARTED, AttemptResult.ANSWER_LOST)
    for asked in (unknown, sending):
        tries = DeliveryAttempt.objects.filter(delivery__in=asked, result__in=lost)
        tries.exclude(code=RESTORED).update(result=AttemptResult.ANSWER_LOST, code=RESTORED)
    sending.update(lease_until=clock.real_now())
    report.counts[DeliveryStatus.UNKNOWN] = unknown.update(settle_at=clock.now(), look_ups=0)
