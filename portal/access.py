"""Which patient a request may act for, and how the engine is to address a patient.

Both functions are named in settings: the engine calls them and never imports this app.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from notifications import clock
from notifications.types import PatientProfile
from portal.models import Guardianship, Practice, User


def patient_for(*, user: User, patient_id: UUID | None = None) -> User:
    """Return the patient `user` may act for: themselves, or a ward by id.

    Raises Http404 for anyone else's id, exactly as for one that does not exist. One query when
    an id other than the user's own is given, none otherwise.
    """
    if patient_id is None or patient_id == user.pk:
        return user
    ward = wards_of(user).filter(patient_id=patient_id).select_related("patient").first()
    if ward is None or not user.is_active:
        raise Http404("no such patient")
    return ward.patient


def wards_of(user: User) -> QuerySet[Guardianship]:
    """Return the guardianships in force now under which `user` acts for others."""
    return _in_force().filter(guardian=user)


def ties_of(patient: User) -> list[Guardianship]:
    """Return the guardianships in force now under which others act for a patient."""
    return list(_in_force().filter(patient=patient).select_related("guardian"))


def _in_force() -> QuerySet[Guardianship]:
    now = clock.now()
    is_open = Q(ended_at=None) | Q(ended_at__gt=now)
    return Guardianship.objects.filter(is_open, started_at__lte=now)


def public_name() -> str:
    """Return what strangers may read as the practice's name, such as on a lock screen (L0)."""
    return _public_name(_practice())


def practice_name() -> str:
    """Return what the practice calls itself to its own patients, such as on paper."""
    return _practice().name


def _practice() -> Practice:
    return Practice.objects.first() or Practice(name="", zone="UTC")


def _public_name(practice: Practice) -> str:
    return practice.public_name or practice.name


def zone_of(patient: User) -> str:
    """Return the zone of the wall clock a patient lives by: an IANA name."""
    return _zone(patient, practice=_practice())


def _zone(patient: User, *, practice: Practice) -> str:
    location = patient.home_location
    return patient.zone or (location.zone if location else practice.zone)


def profiles_for(patient_ids: Iterable[UUID]) -> dict[UUID, PatientProfile]:
    """Return zone, language and practice names by patient id, in two queries."""
    practice = _practice()
    cared_for = Exists(_in_force().filter(patient=OuterRef("pk")))
    patients = User.objects.filter(pk__in=set(patient_ids)).select_related("home_location")
    patients = patients.annotate(is_cared_for=cared_for)
    return {patient.pk: _profile(patient=patient, practice=practice) for patient in patients}


def _profile(*, patient: User, practice: Practice) -> PatientProfile:
    location = patient.home_location
    return PatientProfile(
        zone=_zone(patient, practice=practice),
        state=location.state if location else "",
        language=patient.language,
        practice_name=practice.name,
        public_name=_public_name(practice),
        phone=(location.phone if location else "") or practice.phone,
        postal_address=practice.postal_address,
        l0_only=practice.l0_only,
        is_departed=bool(patient.departure),
        texts_a_day=practice.texts_a_day,
        texts_a_week=practice.texts_a_week,
        pages="" if _reads_alone(patient) else f"/for/{patient.pk}",
    )


def _reads_alone(patient: User) -> bool:
    """Return whether what is sent of a patient is for themselves: who cannot sign in yet, too."""
    return patient.has_usable_password() or not patient.is_cared_for
