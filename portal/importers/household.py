"""What has to be known of a whole file to write any one person of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from notifications import clock
from portal.importers.known import Known
from portal.importers.records import Batch, Key, PersonRecord, TieRecord
from portal.importers.relations import may_act
from portal.models import Languages, User

NO_ACCESS = (
    "somebody is left out as a guardian: a parent acts for a patient known to be a child, "
    "for anyone else the relation must be guardian or power of attorney"
)
NO_PATIENT = "a guardian is left out: the patient is in no file yet"
NO_LANGUAGE = "the patient's language is not spoken here: English is taken"
SHARED = "several people share an email address: none of them signs in by it"


@dataclass(frozen=True, kw_only=True)
class Household:
    """Who belongs to whom, decided once for the whole file."""

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


def _birth_dates(*, batch: Batch, known: Known) -> dict[UUID, date | None]:
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
