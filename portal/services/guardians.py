"""Who acts for whom: the end of it ends their access and what is sent to them, at once.

Who acts for a child does so until the child's 18th birthday (45 CFR 164.502(g)(3)): that is
written down as the tie's end as soon as the date of birth is known. `access` asks for it each
time; what was sent to the guardian's addresses is taken back by `close_guardianships`, which the
clock calls before anything is sent in the same minute.
"""

import logging
from collections.abc import Collection
from datetime import UTC, date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from notifications import audit, clock, contacts
from notifications.crypto import keys_loaded
from notifications.enums import AuditAction, ContactKind
from notifications.types import Refused
from portal.access import ties_of, zone_of
from portal.models import Guardianship, User

logger = logging.getLogger(__name__)

ACTOR = "system:birthday"
OF_AGE = 18
# Agreed on by an adult, or for one: no birthday ends it.
LASTS = "power of attorney"


@transaction.atomic
def begin_guardianship(
    *, guardian_id: UUID, patient_id: UUID, relation: str, actor: str
) -> Guardianship:
    """Let somebody act for a patient from now on; of a child, until the 18th birthday.

    Who acts already goes on doing so, under the relation that is named now. Raises Refused for
    unknown people, and for a guardian who is the patient.
    """
    patient = _held_patient(patient_id)
    if guardian_id == patient_id or not User.objects.filter(pk=guardian_id).exists():
        raise Refused(_("There is no such person to act for the patient."), field="guardian_id")
    ties = _open().filter(guardian_id=guardian_id, patient=patient)
    tie = ties.order_by("pk").first() or Guardianship(
        guardian_id=guardian_id, patient=patient, started_at=clock.now()
    )
    tie.relation = relation
    tie.ended_at = birthday_ending(tie, patient=patient)
    tie.save()
    _audit(tie, change="guardian_named", actor=actor)
    return tie


def date_guardianships(*, patient_ids: Collection[UUID] | None = None) -> int:
    """Give each tie to a child its end, the 18th birthday; return how many were changed.

    For some patients, whose dates of birth may have been corrected, or for everybody whose ties
    have no end yet. A second run changes nothing.
    """
    ties = _open() if patient_ids is not None else _open().filter(ended_at=None)
    if patient_ids is not None:
        ties = ties.filter(patient_id__in=patient_ids)
    dated = ties.filter(patient__date_of_birth__isnull=False)
    rows = list(dated.select_related("patient__home_location"))
    with keys_loaded({tie.patient_id for tie in rows}):
        return sum(_date(tie) for tie in rows)


def close_guardianships() -> int:
    """Do what the end of a guardianship asks for where its moment has come; return how many.

    A second run changes nothing.
    """
    over = Guardianship.objects.filter(ended_at__lte=clock.now(), closed_at=None)
    ids = list(over.order_by("pk").values_list("pk", flat=True))
    return sum(_close(pk) for pk in ids)


@transaction.atomic
def end_guardianship(*, guardianship_id: int, actor: str) -> Guardianship:
    """End one guardianship now; twice changes nothing. Raises Guardianship.DoesNotExist.

    The patient's messages no longer go to addresses that are this guardian's and nobody else's
    who still acts for them. Whose a device is, nobody can tell: of the patient's, those stay that
    are such a person's own, and the others are turned on again with one press.
    """
    tie = Guardianship.objects.select_for_update().get(pk=guardianship_id)
    if tie.closed_at is not None:
        return tie
    if tie.ended_at is None or tie.ended_at > clock.now():
        tie.ended_at = clock.now()
    tie.closed_at = clock.now()
    tie.save(update_fields=["ended_at", "closed_at"])
    _audit(tie, change="guardian_ended", actor=actor)
    _drop(tie, actor=actor)
    return tie


def comes_of_age(*, born_on: date, zone: str) -> datetime:
    """Return the moment somebody is 18: the start of the day on the wall clock of `zone`, UTC.

    Who was born on 29 February is of age on 1 March.
    """
    leap_day = (born_on.month, born_on.day) == (2, 29)
    year = born_on.year + OF_AGE  # never a leap year when the year of birth was one
    birthday = date(year, 3, 1) if leap_day else born_on.replace(year=year)
    return datetime.combine(birthday, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def birthday_ending(tie: Guardianship, *, patient: User) -> datetime | None:
    """Return the birthday that ends a tie, or None: not a child's, or not known yet."""
    if tie.relation == LASTS or patient.born_on is None:
        return None
    of_age = comes_of_age(born_on=patient.born_on, zone=zone_of(patient))
    return of_age if tie.started_at < of_age else None


# -- the rows ------------------------------------------------------------------------------------


def _open() -> QuerySet[Guardianship]:
    """Return the ties that are in force, or whose end has come and was not acted on."""
    now = clock.now()
    return Guardianship.objects.filter(Q(ended_at=None) | Q(ended_at__gt=now), closed_at=None)


def _held_patient(patient_id: UUID) -> User:
    """Return the patient, held so that two who name the same guardian make one tie."""
    rows = User.objects.select_for_update(of=("self",)).select_related("home_location")
    patient = rows.filter(pk=patient_id).first()
    if patient is None:
        raise Refused(_("There is no such patient."), field="patient_id")
    return patient


def _date(tie: Guardianship) -> bool:
    """Write a tie's end where it is another. One that nobody can tell keeps no other waiting."""
    try:
        ended_at = birthday_ending(tie, patient=tie.patient)
    except (ZoneInfoNotFoundError, ValueError) as fault:
        logger.error("guardianship %s cannot be dated: %s", tie.pk, type(fault).__name__)
        return False
    if ended_at == tie.ended_at:
        return False
    still_so = Guardianship.objects.filter(pk=tie.pk, ended_at=tie.ended_at, closed_at=None)
    return bool(still_so.update(ended_at=ended_at))


def _close(guardianship_id: int) -> bool:
    return end_guardianship(guardianship_id=guardianship_id, actor=ACTOR).closed_at is not None


def _audit(tie: Guardianship, *, change: str, actor: str) -> None:
    audit.record(
        action=AuditAction.CONTACT,
        actor=actor,
        patient_id=tie.patient_id,
        obj=tie,
        change=change,
    )


def _addresses(person: User) -> set[str]:
    """Return the addresses that are a person's own, their sign-in e-mail among them."""
    theirs = contacts.of_patient(patient_id=person.pk)
    own = {contact.value["address"] for contact in theirs if not contact.relation}
    return own | {name.lower() for name in (person.email, person.username) if name}


def _drop(tie: Guardianship, *, actor: str) -> None:
    """Stop using those of a patient's addresses that are, or may be, a former guardian's.

    Theirs is what they have themselves, and what is labelled with how they are related, unless
    somebody who still acts for the patient has it, or is related alike.
    """
    remaining = ties_of(tie.patient)
    stays = {address for other in remaining for address in _addresses(other.guardian)}
    labels = {tie.relation} - {other.relation for other in remaining}
    leaving = _addresses(tie.guardian)
    for contact in contacts.of_patient(patient_id=tie.patient_id):
        address = contact.value["address"]
        is_theirs = bool(contact.relation) and (address in leaving or contact.relation in labels)
        may_be_theirs = is_theirs or contact.kind == ContactKind.PUSH
        if may_be_theirs and address not in stays:
            contacts.remove(patient_id=tie.patient_id, contact_id=contact.pk, actor=actor)
