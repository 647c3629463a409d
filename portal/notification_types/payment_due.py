"""Something is to be paid. Outside the portal nothing says that it is about money."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Self
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.enums import Category, PatientNotificationType, Purpose
from notifications.types import NotificationPayload, phi, public
from portal.models import Statement

EXAMPLE_STATEMENT = UUID("00000000-0000-7000-8000-000000000005")


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class PaymentDuePayload(NotificationPayload):
    """The amount is in US dollars. What is late is still due: only the next reminder ends it.

    `patient_name` and `what_for` are for who may act for the patient, and for nobody else who pays.
    """

    type_key = "payment_due"
    title = _("Please look at your account")
    label = _("Payments that are due")
    icon = "credit-card"
    category = Category.BILLING
    purpose = Purpose.OPERATIONS
    metadata_fields = ("statement_id",)
    action_label = _("Pay")
    leads_to = "pay"

    statement_id: UUID = public()
    amount: Decimal = phi()
    due_on: date | None = phi(default=None)
    what_for: str = phi(default="")
    patient_name: str = phi(default="")  # of whom it is, when it is not the reader
    is_overdue: bool = phi(default=False)
    current_until: datetime | None = public(default=None)  # the next reminder takes over

    def action_url(self) -> str:
        return f"/statements/{self.statement_id}/"

    def expires_at(self) -> datetime | None:
        return self.current_until

    @classmethod
    def irrelevant(cls, payloads: Iterable["PaymentDuePayload"]) -> set["PaymentDuePayload"]:
        """Return those whose statement is paid or withdrawn. One query.

        What stands in the books of another system only is not known here, and is told.
        """
        asked = list(payloads)
        is_over = Q(paid_at__isnull=False) | Q(withdrawn_at__isnull=False)
        rows = Statement.objects.filter(is_over, pk__in={each.statement_id for each in asked})
        over = set(rows.values_list("pk", flat=True))
        return {each for each in asked if each.statement_id in over}

    @classmethod
    def example(cls) -> Self:
        return cls(
            statement_id=EXAMPLE_STATEMENT,
            amount=Decimal("120.50"),
            due_on=clock.now().date() + timedelta(days=21),
            what_for=str(_("Filling, upper left")),
        )
