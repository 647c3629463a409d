"""A payment has arrived. Outside the portal nothing says that it is about money."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, phi, public

EXAMPLE_PAYMENT = UUID("00000000-0000-7000-8000-000000000004")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class PaymentConfirmationPayload(NotificationPayload):
    """Amounts are US dollars. `balance` is what is still open, None where it is not known."""

    type_key = "payment_confirmation"
    title = _("A document for your records")
    label = _("Receipts")
    icon = "credit-card"
    category = Category.BILLING
    purpose = Purpose.OPERATIONS
    metadata_fields = ("payment_id",)

    payment_id: UUID = public()
    amount: Decimal = phi()
    paid_on: date | None = phi(default=None)
    paid_with: str = phi(default="")
    receipt_number: str = phi(default="")
    balance: Decimal | None = phi(default=None)

    @classmethod
    def example(cls) -> Self:
        return cls(
            payment_id=EXAMPLE_PAYMENT,
            amount=Decimal("45.00"),
            paid_on=clock.now().date(),
            paid_with=str(_("card ending in 0000")),
            receipt_number="R-1001",
            balance=Decimal("0.00"),
        )
