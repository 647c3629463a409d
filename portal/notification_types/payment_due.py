"""Something is to be paid. Outside the portal nothing says that it is about money."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, phi, public

EXAMPLE_STATEMENT = UUID("00000000-0000-7000-8000-000000000005")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class PaymentDuePayload(NotificationPayload):
    """The amount is in US dollars. What is late is still due, so it never expires."""

    type_key = "payment_due"
    title = _("Please look at your account")
    label = _("Payments that are due")
    icon = "credit-card"
    category = Category.BILLING
    purpose = Purpose.OPERATIONS
    metadata_fields = ("statement_id",)

    statement_id: UUID = public()
    amount: Decimal = phi()
    due_on: date | None = phi(default=None)
    what_for: str = phi(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(
            statement_id=EXAMPLE_STATEMENT,
            amount=Decimal("120.50"),
            due_on=clock.now().date() + timedelta(days=21),
            what_for="Filling, upper left",
        )
