"""Settles what nobody answered: by asking the carrier, never by sending again blindly.

A lost answer is looked up. What the carrier has is applied like a receipt. What it has not, asked
twice and some time apart, was never handed over and goes once more. A carrier that cannot be asked
leaves two ways: an e-mail or push may go once more, since a second copy does little harm; a text
never does, and a person takes it on. Nothing here holds a transaction while it asks.
"""

from dataclasses import replace
from datetime import datetime
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from notifications import clock, switches
from notifications.delivery import pace
from notifications.delivery.asking import Answer, Question, ask, questions_about
from notifications.delivery.escalate import escalate
from notifications.delivery.receipts import apply_receipt
from notifications.delivery.statuses import Report, audit_status, move
from notifications.enums import AttemptResult, DeliveryStatus, Reason
from notifications.models import Delivery, DeliveryAttempt
from notifications.switches import RESTORED
from notifications.types import OTHER_WORDS

SECONDS = 15.0  # of a tick; the next one goes on
NOTHING_TWICE = 2  # look-ups that found nothing, to believe that there is nothing


def settle(*, seconds: float = SECONDS) -> Report:
    """Settle what is waiting for it, most urgent first, for so many seconds at most."""
    report, until = Report(), monotonic() + seconds
    slots = int(settings.NOTIFICATIONS_SEND_SLOTS)
    silent: set[str] = set()
    while (rows := _take(limit=slots, silent=silent)) and monotonic() < until:
        for answer in ask(questions_about(rows), slots=slots):
            if answer.is_missing:
                silent.add(answer.question.row.channel)
            _settle(answer, report)
    return report


def _take(*, limit: int, silent: set[str]) -> list[Delivery]:
    """Take what is to be settled; whoever else looks meanwhile comes back to it later.

    Nothing of a carrier at rest, or that just did not answer; one of a carrier that may not yet.
    """
    if not _waiting().exists():
        return []
    switched = switches.read()
    rows = _waiting().exclude(channel__in=[*silent, *switched.resting()])
    failing = {each.name for each in switched.to_try()}
    later, taken = clock.now() + pace.look_up_gap(), []
    for row in rows[:limit]:
        if row.channel in failing and row.channel in {each.channel for each in taken}:
            continue
        if Delivery.objects.filter(
            pk=row.pk, status=row.status, fence=row.fence, settle_at=row.settle_at
        ).update(settle_at=later):
            taken.append(row)
    return taken


def _waiting() -> QuerySet[Delivery]:
    open_questions = (DeliveryStatus.UNKNOWN, DeliveryStatus.ACCEPTED)
    rows = Delivery.objects.filter(status__in=open_questions, settle_at__lte=clock.now())
    return rows.select_related("notification", "contact").order_by("rank", "settle_at", "id")


# -- what is made of the answers ----------------------------------------------------------------


@transaction.atomic
def _settle(answer: Answer, report: Report) -> None:
    answer = _judged(answer)
    row = answer.question.row
    if answer.found:
        its_own = answer.found[min(_lost_later(answer.question), len(answer.found) - 1)]
        apply_receipt(replace(its_own, delivery_id=row.pk), channel=row.channel)
        row.refresh_from_db()
    if row.status == DeliveryStatus.ACCEPTED:
        _wait_for_receipt(row)
    elif row.status == DeliveryStatus.UNKNOWN:
        _settle_unknown(answer)
    report.add(row.status)


def _judged(answer: Answer) -> Answer:
    """Keep of what was found what may be ours, and see whether that tells anything.

    Messages whose try is known are left out: the same words went twice, or this is a later try.
    One that cannot be told is neither ours nor nothing; other words are nothing, unless a backup
    was put back, for then ours may have been others too.
    """
    if not answer.found:
        return answer
    row, attempt = answer.question.row, answer.question.attempt
    ids = [each.provider_id for each in answer.found if each.provider_id != row.provider_id]
    known = DeliveryAttempt.objects.filter(provider_id__in=ids).values_list(
        "provider_id", flat=True
    )
    fresh = [each for each in answer.found if each.provider_id not in set(known)]
    told = [each for each in fresh if each.status is not None]
    is_sure_of_words = attempt.code != RESTORED
    unclear = [
        each
        for each in fresh
        if each.status is None and not (is_sure_of_words and each.code == OTHER_WORDS)
    ]
    return replace(answer, found=told, can_tell=bool(told) or not unclear)


def _lost_later(question: Question) -> int:
    """Return how many texts alike to one number were lost after this: theirs are the newer ones.

    A mother and her son may be told the same words at one number. Whatever is mistaken here is
    put right by the carrier's own call, which names the delivery.
    """
    row, attempt = question.row, question.attempt
    if row.status != DeliveryStatus.UNKNOWN:
        return 0
    later = DeliveryAttempt.objects.filter(
        delivery__status=DeliveryStatus.UNKNOWN,
        delivery__settle_at__isnull=False,
        delivery__channel=row.channel,
        delivery__contact__value_index=row.contact.value_index,
        result=AttemptResult.ANSWER_LOST,
        provider_id="",
        content_hash=attempt.content_hash,
    ).filter(
        Q(started_at__gt=attempt.started_at) | Q(started_at=attempt.started_at, pk__gt=attempt.pk)
    )
    return later.exclude(delivery=row).values("delivery").distinct().count()


def _wait_for_receipt(row: Delivery) -> None:
    """Ask once more a day later; then say that nothing was heard."""
    waits = clock.now() - row.status_at < pace.USUAL_RECEIPT
    if waits:
        Delivery.objects.filter(pk=row.pk).update(settle_at=row.status_at + pace.USUAL_RECEIPT)
        return
    Delivery.objects.filter(pk=row.pk, status=row.status).update(
        settle_at=None, reason=Reason.NO_RECEIPT, reason_params={}
    )


def _settle_unknown(answer: Answer) -> None:
    row = answer.question.row
    waited = clock.now() - row.status_at
    if not answer.can_tell:
        _without_look_ups(answer)
    elif answer.found is None:
        if waited >= pace.GIVE_UP_ASKING:
            _give_up(row)
    elif row.look_ups + 1 >= NOTHING_TWICE:
        _was_never_there(answer)
    else:
        unchanged = Delivery.objects.filter(pk=row.pk, status=row.status, fence=row.fence)
        unchanged.update(look_ups=row.look_ups + 1)


def _was_never_there(answer: Answer) -> None:
    """The carrier has nothing, twice: the call never arrived, so this is not sending again."""
    if _plan_again(answer.question.row):
        tried = DeliveryAttempt.objects.filter(pk=answer.question.attempt.pk)
        tried.update(result=AttemptResult.NEVER_ARRIVED)


def _without_look_ups(answer: Answer) -> None:
    row, channel = answer.question.row, answer.question.channel
    again_at = row.status_at + pace.repeat_after()
    if channel is None or not channel.may_repeat or not _may_repeat(row, at=again_at):
        if clock.now() - row.status_at >= pace.GIVE_UP:
            _give_up(row)
    elif clock.now() >= again_at:
        _plan_again(row)
    else:
        Delivery.objects.filter(pk=row.pk).update(settle_at=again_at)


def _may_repeat(row: Delivery, *, at: datetime) -> bool:
    """Whether a message was lost only once, and will still be of use when it goes again."""
    in_time = row.expires_at is None or row.expires_at > max(at, clock.now())
    lost = row.tries.filter(result=AttemptResult.ANSWER_LOST).values_list("code", flat=True)
    return in_time and len(lost) == 1 and RESTORED not in lost


def _plan_again(row: Delivery) -> bool:
    again = {"reason": Reason.NONE, "due_at": clock.now(), "provider_id": ""}
    is_planned = move(row, DeliveryStatus.PLANNED, **again)
    if is_planned:
        audit_status(row)
    return is_planned


def _give_up(row: Delivery) -> None:
    """Leave it to a person, and to the next channel: whether it went is not to be known."""
    given_up = {"reason": Reason.ANSWER_UNSETTLED, "settle_at": None}
    if move(row, DeliveryStatus.UNKNOWN, **given_up):
        audit_status(row)
        if not row.tries.filter(code=RESTORED).exists():  # it is likely to have gone
            escalate(row)
