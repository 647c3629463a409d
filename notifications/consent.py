"""Recorded consent: append-only, one row each time a patient says yes or no.

The last row for an address and a purpose counts. Each row keeps which wording was shown, where
it came from, who recorded it and when (47 CFR 64.1200(f)(9); 45 CFR 164.522(b)).
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from notifications import audit, clock
from notifications.enums import AuditAction, ContactKind, Purpose
from notifications.models import Consent, ContactPoint
from notifications.types import Refused

CURRENT_TEXT_WORDING = "text-2026-11"
CURRENT_EMAIL_WORDING = "email-2026-11"
CURRENT_TEXT_NEWS_WORDING = "text-news-2026-11"
CURRENT_EMAIL_NEWS_WORDING = "email-news-2026-11"
WORDINGS = {
    CURRENT_TEXT_WORDING: _(
        "I agree to automated texts about my care at this number, 3 a week at most. "
        "Message and data rates may apply. Reply HELP for help, STOP to opt out."
    ),
    CURRENT_EMAIL_WORDING: _(
        "I agree to emails about my visits at this address. "
        "They name the day, the time, the place and who I will see."
    ),
    CURRENT_TEXT_NEWS_WORDING: _(
        "I agree to automated texts with news and offers of the practice at this number. "
        "My care does not depend on it. Message and data rates may apply. Reply STOP to opt out."
    ),
    CURRENT_EMAIL_NEWS_WORDING: _(
        "I agree to emails with news and offers of the practice at this address. "
        "My care does not depend on it."
    ),
}
# What is shown to whoever is asked now. Advertising is asked for by itself (47 CFR 64.1200(f)(9)).
CURRENT = {
    (ContactKind.PHONE, False): CURRENT_TEXT_WORDING,
    (ContactKind.EMAIL, False): CURRENT_EMAIL_WORDING,
    (ContactKind.PHONE, True): CURRENT_TEXT_NEWS_WORDING,
    (ContactKind.EMAIL, True): CURRENT_EMAIL_NEWS_WORDING,
}


def current_wording(*, kind: str, purpose: Purpose = Purpose.TREATMENT) -> str:
    """Return the version a patient is asked in now; empty for a device, which is not asked."""
    return CURRENT.get((kind, purpose == Purpose.MARKETING), "")


@transaction.atomic
def record(
    *,
    contact: ContactPoint,
    purpose: Purpose,
    granted: bool,
    wording: str,
    source: str,
    actor: str,
    ip: str | None = None,
    at: datetime | None = None,
) -> Consent:
    """Add what a patient said about one address and return the row. `at` is aware, UTC now if None.

    Raises Refused for a yes to texts at a number nobody has verified (S-19).
    """
    _check(contact, granted=granted)
    row = Consent.objects.create(
        contact=contact,
        purpose=purpose,
        granted=granted,
        wording=wording,
        source=source,
        actor=actor,
        ip=ip,
        recorded_at=at or clock.now(),
    )
    audit.record(
        action=AuditAction.CONSENT,
        actor=actor,
        patient_id=contact.patient_id,
        obj=row,
        granted=granted,
        purpose=str(purpose),
        wording=wording,
    )
    return row


def _check(contact: ContactPoint, *, granted: bool) -> None:
    if granted and contact.kind == ContactKind.PHONE and contact.verified_at is None:
        raise Refused(
            _("Verify this number first: a code shows that it is yours."), field="consent"
        )
    if not granted:  # waits for a claim that has begun, so that none begins after this commits
        ContactPoint.objects.select_for_update(no_key=True).get(pk=contact.pk)


def is_granted(*, contact: ContactPoint, purpose: Purpose = Purpose.TREATMENT) -> bool:
    """Return whether the last word about this address and purpose was yes."""
    return contact.pk in granted_among(contact_ids=[contact.pk], purpose=purpose)


def last_words(*, contact: ContactPoint) -> dict[str, Consent]:
    """Return the row that counts for an address, by purpose. One query."""
    rows = Consent.objects.filter(contact=contact).order_by("recorded_at", "id")
    return {row.purpose: row for row in rows}


def addresses_of(*, consent_ids: Iterable[str]) -> dict[str, UUID]:
    """Return the address each of these rows is about, by the row's id, in one query."""
    rows = Consent.objects.filter(pk__in=set(consent_ids)).values_list("pk", "contact_id")
    return {str(pk): contact_id for pk, contact_id in rows}


def granted_among(*, contact_ids: Iterable[UUID], purpose: Purpose) -> set[UUID]:
    """Return which of these addresses may be used for a purpose, in one query."""
    rows = Consent.objects.filter(contact_id__in=set(contact_ids), purpose=purpose)
    last = {row.contact_id: row.granted for row in rows.order_by("recorded_at", "id")}
    return {contact_id for contact_id, granted in last.items() if granted}
