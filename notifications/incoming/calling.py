"""The calls to make that a text leads to: who is to be called, why, and about what.

A call is known by its text and its patient: a text that is acted on again opens none twice. The
engine knows no visits; ahead is what it has told a patient of and is still to happen.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from notifications import calls, clock
from notifications.enums import AuditAction, CallReason
from notifications.facts import payload_in, profiles_for
from notifications.incoming import vocabulary
from notifications.incoming.questions import LEFT, Board
from notifications.incoming.spelling import words_of
from notifications.incoming.texts import audit_text, close
from notifications.models import (
    CallTask,
    ContactPoint,
    DeliveryAttempt,
    InboundText,
    PatientNotification,
)

OF_A_TEXT = "text:"
Ahead = tuple[datetime, str]  # when it happens (aware), and its subject


def open_asked(
    text: InboundText, *, addresses: Sequence[ContactPoint], board: Board, actor: str
) -> None:
    """Open the call that somebody asked for, about the visit they named or alone were asked about.

    It is on the list until it was made: we said that we call.
    """
    about = _about(text, board)
    patient_id = about.patient_id if about else _whose(text, addresses)
    subject = about.subject if about else ""
    _open(text, {patient_id: (None, subject)}, reason=CallReason.ASKED, actor=actor)


def open_not_understood(
    text: InboundText, *, addresses: Sequence[ContactPoint], board: Board, actor: str
) -> None:
    """Open a call about an answer to our question which visit was meant, until the first."""
    asked = [board.asked[each.key].notification for each in board.questions if each.is_open]
    ahead = [at for at, _subject in filter(None, map(_ahead, asked))]
    found = {_whose(text, addresses): (min(ahead, default=None), "")}
    _open(text, found, reason=CallReason.NOT_UNDERSTOOD, actor=actor)


def open_may_mean_the_visit(
    text: InboundText, *, addresses: Sequence[ContactPoint], actor: str
) -> None:
    """Open a call for each patient of a number who has a visit ahead, or for one of them."""
    found: dict[UUID | None, tuple[datetime | None, str]] = {}
    for patient_id, ahead in _all_ahead({row.patient_id for row in addresses}).items():
        subjects = {subject for _at, subject in ahead}
        found[patient_id] = min(ahead)[0], subjects.pop() if len(subjects) == 1 else ""
    found = found or {_whose(text, addresses): (None, "")}
    _open(text, found, reason=CallReason.MAY_MEAN_THE_VISIT, actor=actor)


@transaction.atomic
def mark_called(*, call_id: UUID, actor: str) -> bool:
    """Note that somebody has called; return False if the call was settled before.

    A text that led to it, and to no other that is still to be made, is handled with it. Raises
    CallTask.DoesNotExist.
    """
    is_new = calls.mark_called(call_id=call_id, actor=actor)
    kind, _colon, rest = CallTask.objects.get(pk=call_id).key.partition(":")
    if is_new and f"{kind}:" == OF_A_TEXT:
        _handle(rest.split(":")[0], actor=actor)
    return is_new


def _handle(text_id: str, *, actor: str) -> None:
    others = CallTask.objects.filter(key__startswith=f"{OF_A_TEXT}{text_id}:", settled_at=None)
    text = InboundText.objects.select_for_update().filter(pk=text_id, handled_at=None).first()
    if text is not None and not others.exists():
        close(text, actor=actor)
        audit_text(text, AuditAction.CHANGED, actor=actor, change="handled")


# -- whom, and about what -----------------------------------------------------------------------


def _open(
    text: InboundText,
    found: dict[UUID | None, tuple[datetime | None, str]],
    *,
    reason: CallReason,
    actor: str,
) -> None:
    """Open a call for each patient who is still here, with until when and about what."""
    profiles = profiles_for([patient_id for patient_id in found if patient_id is not None])
    here = {pk for pk, profile in profiles.items() if not profile.is_departed}
    rows = [
        CallTask(
            patient_id=patient_id,
            subject=subject,
            reason=reason,
            key=f"{OF_A_TEXT}{text.pk}:{patient_id}",
            due_at=clock.now(),
            call_by=call_by,
            created_at=clock.now(),
        )
        for patient_id, (call_by, subject) in found.items()
        if patient_id in here
    ]
    calls.open_all(rows, actor=actor)


def _about(text: InboundText, board: Board) -> PatientNotification | None:
    """Return the one question a text names, as by "2B", or that alone is open at its number."""
    said = words_of(text.text)
    letters = set(re.findall("[a-f]", said)) if vocabulary.CALL_ABOUT.fullmatch(said) else set()
    standing = [each for each in board.questions if each.stands]
    meant = [each for each in standing if each.letter.lower() in letters]
    if not letters:
        meant = [each for each in standing if each.is_open]
    return board.asked[meant[0].key].notification if len(meant) == 1 else None


def _whose(text: InboundText, addresses: Sequence[ContactPoint]) -> UUID | None:
    """Return whom the number last had a text about, else whose it was first; None: nobody's."""
    patients = [row.patient_id for row in addresses]
    if len(set(patients)) < 2:
        return next(iter(patients), None)
    tries = DeliveryAttempt.objects.filter(
        delivery__channel=text.event.channel,
        delivery__contact__value_index=text.number_index,
        delivery__status__in=LEFT,
        patient_id__in=patients,
        started_at__lte=text.received_at,
    )
    last = tries.order_by("-started_at").values_list("patient_id", flat=True).first()
    return last or patients[0]


def _all_ahead(patient_ids: Iterable[UUID]) -> dict[UUID, list[Ahead]]:
    """Return what is still to happen of all that patients were told of. One query."""
    rows = PatientNotification.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=clock.now()),
        patient_id__in=list(patient_ids),
        expired_at=None,
    ).exclude(subject="")
    found: dict[UUID, list[Ahead]] = {}
    for row in rows.order_by("patient_id", "seq"):
        if (ahead := _ahead(row)) is not None:
            found.setdefault(row.patient_id, []).append(ahead)
    return found


def _ahead(row: PatientNotification) -> Ahead | None:
    payload = payload_in(row)
    at = payload.happens_at() if payload is not None else None
    return (at, row.subject) if at is not None and at > clock.now() else None
