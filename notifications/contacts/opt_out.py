"""STOP and START: what a number says holds for every patient it reaches (M-04, M-06).

Nothing overrides a STOP, and nothing but a START takes it back: not a new code, not a new yes, not
the desk.
"""

from django.db import transaction
from django.db.models import QuerySet

from notifications import consent
from notifications.contacts.addresses import GONE, STARTED, STOPPED, normalise, set_status
from notifications.crypto import blind_index
from notifications.enums import ContactKind, ContactStatus
from notifications.models import ContactPoint
from notifications.types import Refused


@transaction.atomic
def opt_out(*, number: str, actor: str) -> list[ContactPoint]:
    """Send no more texts to a number, whosever it is, and withdraw what was agreed for it.

    Returns the addresses this changed; a second STOP changes none. A claim that has begun is
    waited for; none that begins after this commits sends a text.
    """
    changed = []
    for contact in hold(number=number):
        _withdraw(contact, actor=actor)
        if contact.status != ContactStatus.OPTED_OUT:
            status = ContactStatus.OPTED_OUT
            changed.append(set_status(contact=contact, status=status, reason=STOPPED, actor=actor))
    return changed


@transaction.atomic
def opt_in(*, number: str, actor: str) -> list[ContactPoint]:
    """Take a STOP back: texts go again where they went before it, and nowhere else.

    Returns the addresses this changed. What a patient withdrew by other means stays withdrawn.
    """
    stopped = [row for row in hold(number=number) if row.status == ContactStatus.OPTED_OUT]
    for contact in stopped:
        set_status(contact=contact, status=ContactStatus.ACTIVE, reason=STARTED, actor=actor)
        _give_back(contact, actor=actor)
    return stopped


def addresses_at(*, number: str) -> QuerySet[ContactPoint]:
    """Return the addresses in use with this number, oldest first."""
    at_it = ContactPoint.objects.filter(kind=ContactKind.PHONE, value_index=index_of(number))
    return at_it.exclude(status__in=GONE).order_by("id")


def hold(*, number: str) -> list[ContactPoint]:
    """Lock and return the addresses with a number. All who lock several take the oldest first."""
    return list(addresses_at(number=number).select_for_update(no_key=True))


def index_of(number: str) -> str:
    """Return under which index a number is found. A sender that is no number has one as well."""
    try:
        number = normalise(kind=ContactKind.PHONE, value=number)
    except Refused:
        number = number.strip()
    return blind_index(kind=ContactKind.PHONE, value=number)


def _withdraw(contact: ContactPoint, *, actor: str) -> None:
    for row in consent.last_words(contact=contact).values():
        if row.granted:
            consent.record(
                contact=contact,
                purpose=row.purpose,
                granted=False,
                wording=row.wording,
                source=STOPPED,
                actor=actor,
            )


def _give_back(contact: ContactPoint, *, actor: str) -> None:
    """Agree again to what the STOP itself withdrew."""
    for row in consent.last_words(contact=contact).values():
        if not row.granted and row.source == STOPPED and contact.verified_at is not None:
            consent.record(
                contact=contact,
                purpose=row.purpose,
                granted=True,
                wording=row.wording,
                source=STARTED,
                actor=actor,
            )
