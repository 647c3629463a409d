"""Patients and guardians of an import, some fifty at a time."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db.models.functions import Lower

from notifications import clock
from notifications.crypto import keys_loaded, new_id
from portal.importers.addresses import write_contact
from portal.importers.known import Known
from portal.importers.records import Batch, Key, PersonRecord, TieRecord
from portal.importers.relations import may_act
from portal.models import Guardianship, Languages, User

NO_ACCESS = (
    "somebody is left out as a guardian: a parent acts for a patient known to be a child, "
    "for anyone else the relation must be guardian or power of attorney"
)
NO_PATIENT = "a guardian is left out: the patient is in no file yet"
NO_LANGUAGE = "the patient's language is not spoken here: English is taken"
SHARED = "several people share an email address: none of them signs in by it"


@dataclass(frozen=True, kw_only=True)
class Household:
    """What has to be known of the whole file to write any one person of it."""

    ties: Mapping[Key, list[TieRecord]]  # those accepted, by patient
    sign_ins: Mapping[Key, str]  # e-mail addresses that belong to one adult alone
    homes: Mapping[Key, Key]  # the place of a patient's next, or last, visit


def look_at_people(*, batch: Batch, known: Known) -> Household:
    """Decide who may act for whom and who may sign in; the batch hears of what is left out."""
    ties: dict[Key, list[TieRecord]] = {}
    for tie in _accepted(batch=batch, known=known):
        ties.setdefault(tie.patient, []).append(tie)
    for person in batch.people.values():
        if person.language and person.language not in Languages.values:
            batch.note(person.where, NO_LANGUAGE)
    sign_ins = _sign_ins(batch=batch, wards=ties.keys())
    return Household(ties=ties, sign_ins=sign_ins, homes=_homes(batch))


def _accepted(*, batch: Batch, known: Known) -> Iterable[TieRecord]:
    today = clock.now().date()
    born = _birth_dates(batch=batch, known=known)
    for tie in batch.ties:
        patient = batch.people.get(tie.patient)
        if patient is None and known.id_of(tie.patient) is None:
            batch.note(tie.where, NO_PATIENT)
            continue
        birth_date = (patient and patient.birth_date) or born.get(known.id_of(tie.patient))
        subject = PersonRecord(key=tie.patient, where=tie.where, birth_date=birth_date)
        if tie.has_ended or may_act(relation=tie.relation, patient=subject, today=today):
            yield tie
        else:
            batch.note(tie.where, NO_ACCESS)


def _birth_dates(*, batch: Batch, known: Known) -> dict[UUID, object]:
    """Return the birth dates on file of patients a tie names and this file does not date."""
    undated = {
        known.id_of(tie.patient)
        for tie in batch.ties
        if not (tie.patient in batch.people and batch.people[tie.patient].birth_date)
    }
    return {user.pk: user.born_on for user in User.objects.filter(pk__in=undated - {None})}


def _sign_ins(*, batch: Batch, wards: Collection[Key]) -> dict[Key, str]:
    """Return the e-mail of each adult who shares it with nobody in the file."""
    today = clock.now().date()
    adults = [
        person
        for person in batch.people.values()
        if person.sign_in and person.key not in wards and not person.is_minor(today)
    ]
    uses = Counter(person.sign_in for person in adults)
    for person in adults:
        if uses[person.sign_in] > 1:
            batch.note(person.where, SHARED)
    return {person.key: person.sign_in for person in adults if uses[person.sign_in] == 1}


def _homes(batch: Batch) -> dict[Key, Key]:
    dated = [visit for visit in batch.visits.values() if visit.starts_at and visit.location]
    now = clock.now()
    dated.sort(key=lambda visit: (visit.starts_at < now, abs(visit.starts_at - now)), reverse=True)
    return {visit.patient: visit.location for visit in dated}


# -- writing -------------------------------------------------------------------------------------


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
    for person in people:
        _write_contacts(person, ties=household.ties.get(person.key, ()), known=known)
    return Counter(outcomes.values())


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
    in_force = Guardianship.objects.filter(
        guardian_id=guardian_id, patient_id=patient_id, ended_at=None
    )
    if tie.has_ended:
        in_force.update(ended_at=clock.now())
    elif not in_force.update(relation=tie.relation):
        Guardianship.objects.create(
            guardian_id=guardian_id,
            patient_id=patient_id,
            relation=tie.relation,
            started_at=clock.now(),
        )
    for contact in () if tie.has_ended else tie.contacts:
        write_contact(patient_id=patient_id, record=contact, known=known)
    known.remember(tie.slot, object_id=guardian_id, digest=tie.digest)
