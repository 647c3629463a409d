"""A patient who asked for it may say in public how a visit was."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from django.utils.translation import gettext_lazy as _

from notifications.enums import (
    Category,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
)
from notifications.types import logistics
from portal.notification_types._gone_by import PastVisitPayload, example_past_fields


@PatientNotificationType.register
@dataclass(frozen=True, kw_only=True)
class ReviewRequestPayload(PastVisitPayload):
    """`review_site` is where reviews of the practice stand, by name: no link leads off our site.

    Off until a patient asks for it.
    """

    type_key = "review_request"
    title = _("How was your visit?")
    label = _("Requests for a review")
    icon = "message-square"
    category = Category.PRACTICE_NEWS
    purpose = Purpose.MARKETING
    channels = ("in_app",)
    priority = PatientNotificationPriority.LOW
    useful_for = timedelta(days=30)

    review_site: str = logistics(default="")

    @classmethod
    def example(cls) -> Self:
        return cls(
            **example_past_fields(days_ago=1), review_site=str(_("your favorite review site"))
        )
