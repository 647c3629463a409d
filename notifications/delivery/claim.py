"""Take what is due, decide each, and write an attempt for what is to be sent: one transaction.

Rows are changed in groups that change alike, so a batch costs a fixed number of statements.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from django.db import connection, transaction
from django.db.models import QuerySet

from notifications import clock, rendering, switches, windows
from notifications.channels.base import Channel
from notifications.crypto import keys_loaded
from notifications.delivery import pace
from notifications.delivery.blocked import tell_desk
from notifications.delivery.escalate import escalate_messages_of
from notifications.delivery.gathering import gather
from notifications.delivery.household import is_early, whole, with_households
from notifications.delivery.judging import Verdict, judge
from notifications.delivery.locks import with_free_addresses
from notifications.delivery.statuses import Report, audit_settled, may_go, move_all
from notifications.delivery.words import Words
from notifications.enums import (
    OPEN_STATUSES,
    Action,
    ContactKind,
    DeliveryStatus,
    PatientNotificationChannel,
    Reason,
)
from notifications.facts import People
from notifications.models import Delivery, DeliveryAttempt, Switch, TextUse
from notifications.policy import Decision
from notifications.switches import Switches
from notifications.types import Envelope

OUTCOME_OF_SKIP = {
    Reason.EXPIRED: DeliveryStatus.EXPIRED,
    Reason.CANCELLED: DeliveryStatus.CANCELLED,
    Reason.WITHDRAWN: DeliveryStatus.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A claimed delivery, ready to be handed over: nothing in it touches the database."""

    delivery: Delivery
    attempt: DeliveryAttempt
    channel: Channel
    envelope: Envelope
    content: dict[str, str]
    is_a_try: bool = False  # the one that tells whether a carrier answers again


@transaction.atomic
def claim(*, limit: int, report: Report, look: int = 0) -> list[Parcel]:
    """Take what is due, decide each, and write an attempt for what is to be sent.

    Begins at most `limit`, and looks at as many rows, or at `look` if that is more.
    The addresses stay locked until the attempts are committed, so that whoever says STOP either
    comes first and is heard, or waits for an attempt that had already begun. Nothing is waited
    for here: what somebody else holds is left for the next look.
    """
    switched = switches.read()
    report.passed_by, report.opens_at = 0, switched.opens_at()
    if switched.is_held:
        return []
    due = _due(may_go(switched))
    parcels = _claim(due, switched, limit=limit, look=look, report=report)
    for switch in switched.to_try():
        parcels += _claim_one_to_try(switch, switched, report)
    return parcels


def _claim_one_to_try(switch: Switch, switched: Switches, report: Report) -> list[Parcel]:
    """Claim the one message that tells whether a carrier at rest answers again.

    The least tried one: what fails may be one number's fault, and must not be the only witness.
    """
    if not switches.take_try(switch):
        return []
    waiting = Delivery.objects.filter(status__in=OPEN_STATUSES, channel=switch.name)
    due, awake = _due(waiting, "attempts"), switched.without(switch)
    parcels = _claim(due, awake, limit=1, look=1, report=report)
    if not parcels:
        switches.give_back_try(switch)
    return [replace(parcel, is_a_try=True) for parcel in parcels]


def _claim(
    rows: QuerySet[Delivery], switched: Switches, *, limit: int, look: int, report: Report
) -> list[Parcel]:
    found = list(_held(rows)[: max(limit, look)])
    there = with_households(found, rows, _held)
    due = gather(whole(with_free_addresses(there), there))
    report.passed_by += len({row.pk for row in found} - {row.pk for row in due})
    if not due:
        return []
    patients = {row.notification.patient_id for row in due}
    with keys_loaded(patients):
        people = People.of(patients)
        verdicts = judge(due, limit=limit, people=people, switched=switched)
        verdicts = [verdict for verdict in verdicts if not is_early(verdict)]
        settle_verdicts([verdict for verdict in verdicts if verdict.words is None], report)
        return _begin([verdict for verdict in verdicts if verdict.words is not None])


def _due(rows: QuerySet[Delivery], *before_rank: str) -> QuerySet[Delivery]:
    rows = rows.filter(due_at__lte=clock.now()).select_related("notification")
    return rows.order_by(*before_rank, "rank", "due_at", "id")


def _held(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Lock what is read, and leave out what somebody else holds."""
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def status_of(decision: Decision) -> DeliveryStatus:
    """Return what a delivery becomes by a decision, where its carrier takes it. Pure."""
    if decision.action == Action.SEND:
        return DeliveryStatus.ACCEPTED
    if decision.action == Action.HOLD:
        return DeliveryStatus.HELD
    return OUTCOME_OF_SKIP.get(decision.reason, DeliveryStatus.SKIPPED)


def settle_verdicts(verdicts: Sequence[Verdict], report: Report) -> None:
    """Write what is not sent now: held, or skipped with its reason."""
    _note_lead([verdict for verdict in verdicts if verdict.into])
    for group in _alike(verdicts, by=_outcome):
        decision = group[0].decision
        status = status_of(decision)
        later = {"due_at": decision.at} if decision.at else {}
        rows = [verdict.row for verdict in group]
        move_all(rows, status, reason=decision.reason, reason_params=decision.params, **later)
        report.add(status, len(rows))
    audit_settled([verdict.row for verdict in verdicts])
    skipped = [each.row for each in verdicts if each.decision.action == Action.SKIP]
    if skipped:
        escalate_messages_of(skipped)


def _begin(verdicts: Sequence[Verdict]) -> list[Parcel]:
    """Take out the lease of what is sent now, and write its attempt before the call (R-04)."""
    _readdress(verdicts)
    for group in _alike(verdicts, by=_start):
        row = group[0].row
        move_all(
            [verdict.row for verdict in group],
            DeliveryStatus.SENDING,
            reason=Reason.PHI_BLOCKED if group[0].words.is_blocked else Reason.NONE,
            reason_params={},
            level=group[0].words.envelope.level,
            attempts=row.attempts + 1,
            fence=row.fence + 1,
            look_ups=0,
            lease_until=clock.real_now() + pace.lease(),
        )
    windows.passing(windows.Window.BEFORE_ATTEMPT)
    parcels = [_parcel(verdict.row, verdict.words) for verdict in verdicts]
    DeliveryAttempt.objects.bulk_create([parcel.attempt for parcel in parcels])
    count_texts([parcel.attempt for parcel in parcels])
    blocked = [verdict for verdict in verdicts if verdict.words.is_blocked]
    tell_desk([row for verdict in blocked for row in (verdict.row, *verdict.merged)])
    return parcels


def count_texts(attempts: Sequence[DeliveryAttempt]) -> None:
    """Take each text out of its number's allowance; one that is tried again moves its own.

    Nothing is given back: `told` leaves out what failed or is planned again.
    """
    kinds = {cls.key: cls.contact_kind for cls in PatientNotificationChannel.classes()}
    texts = [each for each in attempts if kinds.get(each.delivery.channel) == ContactKind.PHONE]
    uses = [
        TextUse(
            delivery=each.delivery,
            number_index=each.delivery.contact.value_index,
            used_at=each.started_at,
        )
        for each in texts
    ]
    changed = ["number_index", "used_at"]
    TextUse.objects.bulk_create(
        uses, update_conflicts=True, unique_fields=["delivery"], update_fields=changed
    )


def _note_lead(verdicts: Sequence[Verdict]) -> None:
    """Note which message says what is merged, and at which address: an answer is found by it."""
    for verdict in verdicts:
        verdict.row.merged_into = verdict.into
    rows = [verdict.row for verdict in verdicts]
    Delivery.objects.bulk_update(rows, ["contact", "merged_into"])


def _readdress(verdicts: Sequence[Verdict]) -> None:
    """Note to which address a text goes that was made for another."""
    Delivery.objects.bulk_update(
        [verdict.row for verdict in verdicts if verdict.is_readdressed], ["contact"]
    )


def _alike(
    verdicts: Sequence[Verdict], *, by: Callable[[Verdict], Hashable]
) -> list[list[Verdict]]:
    """Return the verdicts in groups whose rows stand alike and change alike."""
    groups: dict[Hashable, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.row.status, verdict.row.fence, by(verdict)].append(verdict)
    return list(groups.values())


def _outcome(verdict: Verdict) -> Hashable:
    decision = verdict.decision
    said = tuple(sorted(decision.params.items()))
    return decision.action, decision.reason, decision.at, said


def _start(verdict: Verdict) -> Hashable:
    return verdict.row.attempts, verdict.words.envelope.level, verdict.words.is_blocked


def _parcel(row: Delivery, words: Words) -> Parcel:
    return Parcel(
        delivery=row,
        attempt=attempt_of(row, words.content),
        channel=PatientNotificationChannel.known(row.channel)(),
        envelope=words.envelope,
        content=words.content,
    )


def attempt_of(row: Delivery, content: dict[str, str]) -> DeliveryAttempt:
    """Return the attempt a delivery now makes, to be written before the call."""
    return DeliveryAttempt(
        delivery=row,
        patient_id=row.notification.patient_id,
        number=row.attempts,
        fence=row.fence,
        started_at=clock.now(),
        level=row.level,
        account=PatientNotificationChannel.known(row.channel)().account(),
        snapshot=content,
        content_hash=rendering.content_hash(content),
    )
