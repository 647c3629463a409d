"""Patients and guardians of an import, some fifty at a time."""

from collections import Counter
from collections.abc import Collection, Iterable
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db.models.functions import Lower

from notifications import audit
from notifications.crypto import keys_loaded, new_id
from notifications.enums import AuditAction
from notifications.types import Refused
from portal import services
from portal.importers.addresses import ACTOR, drop_contacts, write_contact
from portal.importers.household import Household
from portal.importers.known import Known
from portal.importers.records import Batch, PersonRecord, TieRecord
from portal.models import Guardianship, Languages, User


def write_people(
    people: Collection[PersonRecord], *, household: Household, known: Known
) -> Counter[str]:
    """Create or update people, their addresses and who acts for them; count them by outcome."""
    outcomes = {person.key: outcome_of(person, known=known) for person in people}
    fresh = [person for person in people if outcomes[person.key] == "created"]
    changed = [person for person in people if outcomes[person.key] == "updated"]
    _create(fresh, household=household, known=known)
    _update(changed, known=known)
    for person in [*fresh, *changed]:
        known.remember(person.key, object_id=known.id_of(person.key), digest=person.digest)
    _audit(fresh, change="created", known=known)
    _audit(changed, change="updated", known=known)
    for person in people:
        _write_contacts(person, ties=household.ties.get(person.key, ()), known=known)
    return Counter(outcomes.values())


def _audit(people: Iterable[PersonRecord], *, change: str, known: Known) -> None:
    ids = [known.id_of(person.key) for person in people]
    rows = [(user_id, User(pk=user_id)) for user_id in ids]
    audit.record_many(action=AuditAction.IMPORTED, actor=ACTOR, rows=rows, change=change)


def leaving(people: Iterable[PersonRecord], *, known: Known) -> list[PersonRecord]:
    """Return of whom the source says now, and did not before, that they died or left."""
    gone = [person for person in people if person.departure]
    return [person for person in gone if outcome_of(person, known=known) != "unchanged"]


def write_departures(people: Iterable[PersonRecord], *, batch: Batch, known: Known) -> None:
    """Note who died or left, after their visits: what else is planned for them ends."""
    for person in people:
        try:
            services.depart(
                patient_id=known.id_of(person.key), departure=person.departure, on=None, actor=ACTOR
            )
        except Refused as refusal:
            batch.note(person.where, f"PLEASE LOOK: {refusal.message}")


def outcome_of(person: PersonRecord, *, known: Known) -> str:
    """Return "created", "updated" or "unchanged". A stub says nothing new of who is known."""
    if known.id_of(person.key) is None:
        return "created"
    is_same = person.is_stub or known.digest_of(person.key) == person.digest
    return "unchanged" if is_same else "updated"


def _create(people: Iterable[PersonRecord], *, household: Household, known: Known) -> None:
    people = list(people)
    wanted = {household.sign_ins.get(person.key, "") for person in people} - {""}
    names = User.objects.annotate(lower=Lower("username")).filter(lower__in=wanted)
    taken = set(names.values_list("lower", flat=True))
    users = []
    for person in people:
        home = known.id_of(household.homes.get(person.key))
        users.append(_user(person, email=household.sign_ins.get(person.key, ""), home=home))
        if users[-1].username in taken:
            users[-1].username, users[-1].email = str(users[-1].pk), ""
        known.remember(person.key, object_id=users[-1].pk, digest=person.digest)
    with keys_loaded([user.pk for user in users], create=True):
        User.objects.bulk_create(users)


def _user(person: PersonRecord, *, email: str, home: UUID | None) -> User:
    """Return somebody who cannot sign in yet: the practice invites them, a file does not."""
    new = new_id()
    return User(
        id=new,
        username=email or str(new),
        email=email,
        password=make_password(None),
        first_name=person.first_name,
        last_name=person.last_name,
        date_of_birth=person.birth_date.isoformat() if person.birth_date else None,
        language=_language(person),
        home_location_id=home,
    )


def _language(person: PersonRecord) -> str:
    return person.language if person.language in Languages.values else Languages.EN


def _update(people: Iterable[PersonRecord], *, known: Known) -> None:
    """Take over what the file says; what it leaves empty stays as it is."""
    records = {known.id_of(person.key): person for person in people}
    for user in User.objects.filter(pk__in=records):
        person = records[user.pk]
        user.first_name = person.first_name or user.first_name
        user.last_name = person.last_name or user.last_name
        if person.birth_date:
            user.date_of_birth = person.birth_date.isoformat()
        if person.language:
            user.language = _language(person)
        user.save(update_fields=["first_name", "last_name", "date_of_birth", "language"])
    services.date_guardianships(patient_ids=records)


def _write_contacts(person: PersonRecord, *, ties: Iterable[TieRecord], known: Known) -> None:
    """Keep a patient's addresses; one that is a guardian's is labelled as that alone."""
    patient_id = known.id_of(person.key)
    theirs = {contact.value for tie in ties for contact in tie.contacts if not tie.has_ended}
    for contact in person.contacts:
        if contact.value not in theirs:
            write_contact(patient_id=patient_id, record=contact, known=known)


def write_ties(ties: Iterable[TieRecord], *, known: Known) -> None:
    """Let guardians act, or stop acting, for patients who are all written by now."""
    for tie in ties:
        if known.digest_of(tie.slot) != tie.digest:
            _write_tie(tie, guardian_id=known.id_of(tie.guardian), known=known)


def _write_tie(tie: TieRecord, *, guardian_id: UUID, known: Known) -> None:
    patient_id = known.id_of(tie.patient)
    pair = {"guardian_id": guardian_id, "patient_id": patient_id}
    if tie.has_ended:
        for row in Guardianship.objects.filter(**pair, closed_at=None):
            services.end_guardianship(guardianship_id=row.pk, actor=ACTOR)
        drop_contacts(patient_id=patient_id, slots=tie.address_slots, known=known)
    else:
        services.begin_guardianship(**pair, relation=tie.relation, actor=ACTOR)
    for contact in () if tie.has_ended else tie.contacts:
        write_contact(patient_id=patient_id, record=contact, known=known)
    audit.record(
        action=AuditAction.IMPORTED,
        actor=ACTOR,
        patient_id=patient_id,
        obj=User(pk=guardian_id),
        change="guardian_ended" if tie.has_ended else "guardian_named",
    )
    known.remember(tie.slot, object_id=guardian_id, digest=tie.digest)
