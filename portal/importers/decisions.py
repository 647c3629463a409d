"""What a line about a visit asks for, given what is known of that visit. Reads no table.

Only what the source itself changed since its last import counts: a visit that was moved or
answered here stays as it stands here while the source keeps saying the same.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from portal.importers.records import Outcome, VisitRecord
from portal.models import Appointment
from portal.services.entries import FURTHEST

Status = Appointment.Status


class Step(StrEnum):
    """One change of a visit; each is a call of a service, save the first."""

    RECORD = "recorded"  # written down as it was: nothing can come of it any more
    CREATE = "created"
    MOVE = "moved"
    CORRECT = "corrected"  # set right in the book without telling anybody
    REOPEN = "reopened"
    CANCEL = "cancelled"
    WITHDRAW = "withdrawn"  # cancelled without telling anybody
    CONFIRM = "confirmed"
    ARRIVE = "arrived"
    COMPLETE = "completed"
    MISS = "missed"
    REWORD = "reworded"  # reason or notes


class Note(StrEnum):
    """Why a visit was not, or not only, taken over as it stands in the file."""

    NONE = ""
    PAST = "the visit is in the past: it is recorded, nothing is planned or sent for it"
    OFF = "the visit was cancelled before it was known here: it is recorded, nothing is sent"
    OFF_UNDATED = "a visit without a time, cancelled before it was known here: left out"
    NOT_AGREED = "asked for or on a waiting list, but not agreed: left out until it is"
    NO_LONGER_AGREED = "PLEASE LOOK: no longer agreed in the source, left as it stands here"
    MISTAKE = "entered in error: left out"
    ENDED_HERE = "PLEASE LOOK: over or cancelled here, and the source disagrees: left as it stands"
    NOT_MISSED = "PLEASE LOOK: marked as missed, yet still ahead: left out"
    DIED = "the patient has died: nothing is planned or sent"
    LEFT = "the patient has left the practice: nothing is planned or sent"
    GONE_HERE = "PLEASE LOOK: here the patient is noted as died or left: nothing is planned or sent"
    TWICE = "PLEASE LOOK: the patient has another visit at this very time: left out"
    TOO_FAR = "PLEASE LOOK: more than five years ahead: left out, or left as it stands"
    REMOVED = "the visit was removed here: left removed"
    OTHER_PATIENT = "PLEASE LOOK: the source gives this visit to another patient: left as it stands"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a decision rests on. `visit` is None for what was never imported."""

    record: VisitRecord
    now: datetime
    is_known: bool = False
    digest: str = ""
    visit: Appointment | None = None
    patient_id: UUID | None = None
    provider_id: UUID | None = None
    location_id: UUID | None = None
    gone: Note = Note.NONE  # DIED, LEFT or GONE_HERE: the patient is one no longer
    is_said_twice: bool = False

    def _parts(self) -> list[tuple[str, str]]:
        before = self.digest.split(".") if self.digest else ["", "", ""]
        return list(zip(before, self.record.digest.split("."), strict=True))

    @property
    def has_new_outcome(self) -> bool:
        before, after = self._parts()[1]
        return before != after

    @property
    def has_new_words(self) -> bool:
        before, after = self._parts()[2]
        return before != after

    @property
    def has_moved(self) -> bool:
        """Return whether the source moved the visit to where it does not stand here already."""
        before, after = self._parts()[0]
        is_dated = self.record.starts_at is not None
        return is_dated and before != after and self._here() != self._said()

    def _here(self) -> tuple:
        visit = self.visit
        return (visit.starts_at, visit.ends_at, visit.provider_id, visit.location_id)

    def _said(self) -> tuple:
        record = self.record
        return (record.starts_at, record.ends_at, *self.whom_and_where())

    def whom_and_where(self) -> tuple[UUID | None, UUID | None]:
        """Return provider and place; those of the visit itself where the source names none."""
        provider_id = self.provider_id if self.record.provider else self.visit.provider_id
        return provider_id, self.location_id if self.record.location else self.visit.location_id

    @property
    def has_only_new_length(self) -> bool:
        """Return whether only the end moved: that is no news to the patient."""
        here, said = self._here(), self._said()
        return (here[0], *here[2:]) == (said[0], *said[2:])

    @property
    def is_ahead(self) -> bool:
        return self.record.starts_at is not None and self.record.starts_at > self.now


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The steps to take, in order, and what the person at the screen should hear."""

    steps: tuple[Step, ...] = ()
    note: Note = Note.NONE


def decide(situation: Situation) -> Decision:
    """Return what to do about one visit of a file."""
    if not situation.is_known:
        return _decide_new(situation)
    if situation.visit is None:
        return Decision(note=Note.REMOVED)
    if situation.gone and situation.visit.is_upcoming:
        return Decision(steps=(Step.WITHDRAW,), note=situation.gone)
    if situation.digest == situation.record.digest:
        return Decision()
    if situation.visit.patient_id != situation.patient_id:
        return Decision(note=Note.OTHER_PATIENT)
    if situation.record.outcome.is_upcoming and (obstacle := _obstacle(situation)):
        return Decision(note=obstacle)
    decision = _decide_known(situation)
    words = (Step.REWORD,) if situation.has_new_words else ()
    return Decision(steps=(*decision.steps, *words), note=decision.note)


def _decide_new(situation: Situation) -> Decision:
    record, outcome = situation.record, situation.record.outcome
    if outcome in LEFT_OUT:
        return Decision(note=LEFT_OUT[outcome])
    if outcome == Outcome.CANCELLED:
        if record.starts_at is None:
            return Decision(note=Note.OFF_UNDATED)
        return Decision(steps=(Step.RECORD,), note=Note.OFF)
    if not situation.is_ahead:
        return Decision(steps=(Step.RECORD,), note=Note.PAST)
    if outcome == Outcome.MISSED:
        return Decision(note=Note.NOT_MISSED)
    if obstacle := _obstacle(situation):
        return Decision(note=obstacle)
    if outcome == Outcome.COMPLETED:
        return Decision(steps=(Step.RECORD,))
    return Decision(steps=(Step.CREATE, *FOLLOW_UP.get(outcome, ())))


def _obstacle(situation: Situation) -> Note:
    """Return why nothing can come of a visit ahead, or NONE."""
    if not situation.is_ahead:
        return Note.NONE
    if situation.record.starts_at - situation.now > FURTHEST:
        return Note.TOO_FAR
    return situation.gone or (Note.TWICE if situation.is_said_twice else Note.NONE)


LEFT_OUT = {Outcome.NOT_AGREED: Note.NOT_AGREED, Outcome.MISTAKE: Note.MISTAKE}
FOLLOW_UP = {
    Outcome.CONFIRMED: (Step.CONFIRM,),
    Outcome.ARRIVED: (Step.CONFIRM, Step.ARRIVE),
}


def _decide_known(situation: Situation) -> Decision:
    outcome = situation.record.outcome
    if outcome == Outcome.NOT_AGREED:
        is_worth_a_look = situation.visit.is_upcoming
        return Decision(note=Note.NO_LONGER_AGREED if is_worth_a_look else Note.NONE)
    if outcome in (Outcome.CANCELLED, Outcome.MISTAKE):
        return _decide_cancelled(situation)
    if outcome in (Outcome.COMPLETED, Outcome.MISSED):
        return _decide_over(situation)
    return _decide_upcoming(situation)


def _decide_cancelled(situation: Situation) -> Decision:
    """The patient hears of the time they know, so a visit is not moved before it is cancelled."""
    if situation.visit.is_upcoming:
        return Decision(steps=(Step.CANCEL,))
    is_settled = situation.visit.status == Status.CANCELLED or not situation.has_new_outcome
    return Decision(note=Note.NONE if is_settled else Note.ENDED_HERE)


def _decide_over(situation: Situation) -> Decision:
    """A visit that took place, or was missed, is first set right in the book, in silence."""
    is_missed = situation.record.outcome == Outcome.MISSED
    if is_missed and situation.is_ahead:
        return Decision(note=Note.NOT_MISSED)
    wanted = Status.MISSED if is_missed else Status.COMPLETED
    status = situation.visit.status
    last = (Step.MISS if is_missed else Step.COMPLETE,) if status != wanted else ()
    if status == Status.CANCELLED or (situation.has_moved and status != Status.COMPLETED):
        return Decision(steps=(Step.CORRECT, Step.MISS if is_missed else Step.COMPLETE))
    return Decision(steps=last)


def _decide_upcoming(situation: Situation) -> Decision:
    status = situation.visit.status
    if status in (Status.BOOKED, Status.CONFIRMED):
        moves = _moves(situation)
        asks = FOLLOW_UP.get(situation.record.outcome, ())
        news = asks if situation.has_new_outcome or moves else ()
        if not situation.is_ahead:
            news = tuple(step for step in news if step == Step.ARRIVE)
        return Decision(steps=(*moves, *news))
    if status != Status.COMPLETED and situation.has_new_outcome and situation.is_ahead:
        return Decision(steps=(Step.REOPEN, *FOLLOW_UP.get(situation.record.outcome, ())))
    is_news = situation.has_new_outcome or situation.has_moved
    return Decision(note=Note.ENDED_HERE if is_news else Note.NONE)


def _moves(situation: Situation) -> tuple[Step, ...]:
    """A move into the past only sets the book right: there is nothing left to tell."""
    if not situation.has_moved:
        return ()
    is_news = situation.is_ahead and not situation.has_only_new_length
    return (Step.MOVE,) if is_news else (Step.CORRECT,)
