"""The insurance has answered or needs something. The portal only says what."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, phi, public

EXAMPLE_CLAIM = UUID("00000000-0000-7000-8000-000000000006")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class InsuranceUpdatePayload(NotificationPayload):
    """`news` says what happened in a plain sentence; the patient's share is in US dollars."""

    type_key = "insurance_update"
    title = _("An update to your file")
    label = _("Insurance news")
    icon = "credit-card"
    category = Category.BILLING
    purpose = Purpose.OPERATIONS
    metadata_fields = ("claim_id",)

    claim_id: UUID = public()
    insurer_name: str = phi()
    news: str = phi()
    patient_share: Decimal | None = phi(default=None)

    @classmethod
    def example(cls) -> Self:
        return cls(
            claim_id=EXAMPLE_CLAIM,
            insurer_name="Example Dental Plan",
            news=str(_("They have paid their part for your filling.")),
            patient_share=Decimal("36.20"),
        )
