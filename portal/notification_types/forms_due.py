"""Forms to fill in before a visit."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import PatientNotificationType, Purpose
from notifications.types import phi
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

    forms: str = phi(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(**example_fields(), forms="Health history, X-ray consent")
