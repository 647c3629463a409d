"""Forms to fill in before a visit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import PatientNotificationType, Purpose
from notifications.types import phi
from portal.models import PatientForm
from portal.notification_types._visit import VisitPayload, example_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class FormsDuePayload(VisitPayload):
    """`forms` names them as the patient knows them; a form's name may tell why someone comes.

    By e-mail only: the few texts a number takes in a week are for when and where.
    """

    type_key = "forms_due"
    title = _("Forms to fill in before your visit")
    label = _("Forms before a visit")
    icon = "file-text"
    purpose = Purpose.OPERATIONS
    channels = ("in_app", "email")
    action_label = _("Fill in")
    leads_to = "fill_in"

    forms: str = phi(default="")

    def action_url(self) -> str:
        return "/forms/"

    @classmethod
    def example(cls) -> Self:
        return cls(**example_fields(), forms=str(_("Health history, X-ray consent")))

    @classmethod
    def irrelevant(cls, payloads: Iterable["VisitPayload"]) -> set["VisitPayload"]:
        """Return those whose visit has changed, or whose forms are all filled in. Two queries."""
        asked = list(payloads)
        forms = PatientForm.objects.filter(
            appointment_id__in={each.appointment_id for each in asked}
        )
        waiting: dict = {}
        for visit_id, completed_at in forms.values_list("appointment_id", "completed_at"):
            waiting[visit_id] = waiting.get(visit_id, False) or completed_at is None
        # A visit without any forms of ours may have them on paper.
        done = {each for each in asked if not waiting.get(each.appointment_id, True)}
        return super().irrelevant(asked) | done
