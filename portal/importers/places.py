"""Locations and providers of an import. They are few, and written before anybody else."""

from uuid import UUID

from django.db.models import Q

from portal.importers.addresses import ACTOR
from portal.importers.known import Known
from portal.importers.records import Batch, Key, LocationRecord, ProviderRecord
from portal.models import Location, Practice, Provider
from portal.services import default_reminder_rules
from portal.services.places import replan_visits

TEAM: Key = ("Practitioner", "")  # stands for "whoever is there" where a visit names nobody
TEAM_NAME = "The dental team"
PRACTICE_NAME = "Dental practice"
NEW_PRACTICE = "no practice is set up: one is made, give it its name and zone in the admin"
NO_ZONE = "the file gives a location no time zone: the practice's zone is taken"
OTHER_ZONE = "the zone of a known location differs: change it in the admin, it moves reminders"


def is_set_up() -> bool:
    """Return whether there is a practice yet."""
    return Practice.objects.exists()


def the_practice() -> Practice:
    """Return the practice, or one that is not saved yet."""
    return Practice.objects.first() or Practice(name=PRACTICE_NAME)


def write_places(*, batch: Batch, known: Known) -> None:
    """Create or rename the places and providers of a file, in the caller's transaction."""
    practice = the_practice()
    if not is_set_up():
        practice.save()
    for location in batch.locations.values():
        _write_location(location, known=known, practice=practice)
    for provider in batch.providers.values():
        _write_provider(provider, known=known)
    if any(visit.provider is None for visit in batch.visits.values()):
        _write_provider(ProviderRecord(key=TEAM, name=TEAM_NAME), known=known)


def _write_location(record: LocationRecord, *, known: Known, practice: Practice) -> None:
    texts = {
        "name": record.name,
        "phone": record.phone,
        "address": record.address,
        "state": record.state,
    }
    known_id = known.id_of(record.key)
    if known_id is None:
        texts["name"] = record.name or practice.name
        zone = record.zone or practice.zone
        location = Location.objects.create(practice=practice, zone=zone, **texts)
        default_reminder_rules(location)
        known.remember(record.key, object_id=location.pk, digest=record.digest)
    elif not record.is_stub and known.digest_of(record.key) != record.digest:
        said = {name: text for name, text in texts.items() if text}
        rows = Location.objects.filter(pk=known_id).exclude(**said)
        if said and rows.update(**said):
            replan_visits(Q(location_id=known_id), actor=ACTOR)
        known.remember(record.key, object_id=known_id, digest=record.digest)


def _write_provider(record: ProviderRecord, *, known: Known) -> None:
    known_id = known.id_of(record.key)
    if known_id is None:
        provider = Provider.objects.create(name=record.name or TEAM_NAME)
        known.remember(record.key, object_id=provider.pk, digest=record.digest)
    elif not record.is_stub and known.digest_of(record.key) != record.digest:
        rows = Provider.objects.filter(pk=known_id).exclude(name=record.name)
        if record.name and rows.update(name=record.name):
            replan_visits(Q(provider_id=known_id), actor=ACTOR)
        known.remember(record.key, object_id=known_id, digest=record.digest)


def note_zones(*, batch: Batch, known: Known) -> None:
    """Say whose zone had to be taken from the practice, and whose differs from what is known."""
    ids = {known.id_of(key) for key in batch.locations} - {None}
    zones = dict(Location.objects.filter(pk__in=ids).values_list("pk", "zone"))
    for record in batch.locations.values():
        here = zones.get(known.id_of(record.key))
        if here is None and not record.zone:
            batch.note(record.where, NO_ZONE)
        elif here is not None and record.zone not in ("", here):
            batch.note(record.where, OTHER_ZONE)


def only_location(*, batch: Batch) -> Key | UUID | None:
    """Return the one place a visit that names none must be at: the file's, or the practice's."""
    if len(batch.locations) == 1:
        return next(iter(batch.locations))
    ids = list(Location.objects.values_list("pk", flat=True)[:2])
    return ids[0] if len(ids) == 1 and not batch.locations else None
