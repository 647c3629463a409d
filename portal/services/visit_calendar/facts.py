"""What planning knows of a visit. A value: the visit may be a row that was never saved."""

from dataclasses import dataclass
from datetime import datetime

from portal.models import Appointment


@dataclass(frozen=True, kw_only=True)
class VisitFacts:
    """A visit, with its location and provider, and what else its messages depend on.

    `told_at` is when the patient last heard of the visit, `forms_told_at` of its forms;
    `closed_at` when it was marked as missed, None where nobody knows; all aware. `open_forms` are
    names. `is_to_move`: the patient asked for another time, and nobody has called them yet.
    """

    visit: Appointment
    is_first_visit: bool = False
    has_left: bool = False
    open_forms: tuple[str, ...] = ()
    told_at: datetime | None = None
    forms_told_at: datetime | None = None
    closed_at: datetime | None = None
    last_review_at: datetime | None = None
    is_to_move: bool = False

    @property
    def is_answered(self) -> bool:
        """Return whether there is nothing to ask: they come, or want another time."""
        return self.is_to_move or self.visit.status == Appointment.Status.CONFIRMED
