"""What somebody says to a wording they were shown: on their own page, or read to them at a desk."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from notifications import consent
from notifications.enums import ContactStatus, PatientNotificationType, Purpose
from notifications.models import Consent, ContactPoint
from notifications.types import Refused


def purposes_for(*, kind: str) -> list[Purpose]:
    """Return what is asked at addresses of a kind: care, and advertising where a type would."""
    if not consent.current_wording(kind=kind):
        return []
    advertises = any(
        each.purpose == Purpose.MARKETING for each in PatientNotificationType.classes()
    )
    return [Purpose.TREATMENT, Purpose.MARKETING] if advertises else [Purpose.TREATMENT]


def answer(
    *,
    contact: ContactPoint,
    purpose: str,
    granted: bool,
    wording: str,
    source: str,
    actor: str,
    ip: str | None = None,
    at: datetime | None = None,
) -> Consent:
    """Record a yes or no to the wording that is shown today. `at` is aware, now if None.

    Raises Refused where nothing is asked there, where another wording is shown by now, for a yes
    at a number that replied STOP (nothing but START undoes it), and as `consent.record` does.
    """
    if purpose not in purposes_for(kind=contact.kind):
        raise Refused(_("There is nothing to agree to at this address."), field="purpose")
    if wording != consent.current_wording(kind=contact.kind, purpose=Purpose(purpose)):
        raise Refused(_("The wording has changed. Please read it again."), field="wording")
    if granted and contact.status == ContactStatus.OPTED_OUT:
        message = _("This number replied STOP. Only a text with START from it brings texts back.")
        raise Refused(message, field="consent")
    return consent.record(
        contact=contact,
        purpose=Purpose(purpose),
        granted=granted,
        wording=wording,
        source=source,
        actor=actor,
        ip=ip,
        at=at,
    )
