"""Who comes to the demo clinic: patients, a household on one number, children, a patient who
replied STOP. Addresses are added, verified and agreed to through the engine's own doors.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password

from notifications import clock, consent, contacts
from notifications.contacts.devices import add_device
from notifications.crypto import new_id
from notifications.enums import ContactKind, ContactStatus, Purpose
from portal.management.demo import ACTOR, SOURCE, cast
from portal.models import (
    ExternalId,
    Languages,
    Location,
    Practice,
    Provider,
    RecallSchedule,
    ReminderRule,
    User,
)
from portal.services import begin_guardianship, default_reminder_rules, start_recall

# The browser's public key and secret in the example of RFC 8291, section 5: they are nobody's.
DEVICE_KEY = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
DEVICE_AUTH = "BTBZMqHH6r4Tts7J_aSIgg"


@dataclass
class Clinic:
    """The demo's own view of what it has made, in the order it was made."""

    locations: list[Location]
    providers: list[tuple[Provider, Location]]
    patients: list[User] = field(default_factory=list)
    ana: User | None = None
    maria: User | None = None
    children: list[User] = field(default_factory=list)
    stopped: User | None = None


def open_clinic() -> Clinic:
    """Create the practice, its places with their reminder rules, and who works there."""
    practice = Practice.objects.create(**cast.PRACTICE)
    locations = [Location.objects.create(practice=practice, **each) for each in cast.LOCATIONS]
    for location in locations:
        default_reminder_rules(location)
    ReminderRule.objects.create(location=locations[-1], **cast.PLEASE_CONFIRM)
    providers = [
        (Provider.objects.create(name=name), locations[place]) for name, place in cast.PROVIDERS
    ]
    return Clinic(locations=locations, providers=providers)


def admit(clinic: Clinic, *, dice: random.Random) -> None:
    """Create every patient with their addresses, consents and recalls."""
    clinic.ana = _person("Ana Rivera", home=clinic.locations[0], dice=dice)
    clinic.maria = _person("Maria Santos", home=clinic.locations[0], dice=dice)
    for patient in (clinic.ana, clinic.maria):
        _agree(_email(patient))
    _agree(_phone(clinic.ana, "(212) 555-0142"))
    _agree(_phone(clinic.maria, "(212) 555-0143"))
    _device(clinic.maria)
    _admit_children(clinic)
    _admit_household(clinic, dice=dice)
    for number, name in enumerate((*cast.ENGLISH, *cast.SPANISH)):
        home = clinic.locations[number % len(clinic.locations)]
        language = Languages.ES if name in cast.SPANISH else Languages.EN
        patient = _person(name, home=home, dice=dice, language=language)
        clinic.patients.append(patient)
        _give_addresses(patient, number=number)
    clinic.stopped = next(each for each in clinic.patients if each.last_name == "Stone")
    _plan_recalls(clinic, dice=dice)


def _person(
    name: str, *, home: Location, dice: random.Random, language: str = Languages.EN, born: str = ""
) -> User:
    """Create a patient; e-mail and sign-in are made of the name, children get neither."""
    first, last = name.split(" ", 1)
    is_named = name in ("Ana Rivera", "Maria Santos")
    email = f"{first if is_named else f'{first}.{last}'}@example.com".lower()
    patient_id = new_id()
    patient = User.objects.create(
        id=patient_id,
        username=str(patient_id) if born else email,
        email="" if born else email,
        password=make_password(None),
        first_name=first,
        last_name=last,
        language=language,
        home_location=home,
        date_of_birth=born or _birthday(dice).isoformat(),
        date_joined=clock.now(),
    )
    remember(patient.pk, resource="Patient", name=str(patient.pk) if born else email)
    return patient


def remember(object_id: UUID, *, resource: str, name: str) -> None:
    """Note that a row belongs to the demo."""
    ExternalId.objects.create(
        source=SOURCE, resource=resource, external_id=name, object_id=object_id
    )


def _birthday(dice: random.Random) -> date:
    return clock.now().date() - timedelta(days=dice.randrange(20 * 365, 80 * 365))


def _admit_children(clinic: Clinic) -> None:
    """Two children who cannot sign in; their mother's addresses reach them and she may act."""
    for first, born in cast.CHILDREN:
        dice = random.Random(first)
        child = _person(f"{first} Santos", home=clinic.locations[0], dice=dice, born=born)
        begin_guardianship(
            guardian_id=clinic.maria.pk, patient_id=child.pk, relation="mother", actor=ACTOR
        )
        _agree(_email(child, address=clinic.maria.email, relation="mother"))
        _agree(_phone(child, "(212) 555-0143", relation="mother"))
        clinic.children.append(child)


def _admit_household(clinic: Clinic, *, dice: random.Random) -> None:
    for name in cast.HOUSEHOLD:
        patient = _person(name, home=clinic.locations[0], dice=dice)
        _agree(_email(patient))
        _agree(_phone(patient, "(212) 555-0144"))
        clinic.patients.append(patient)


def _give_addresses(patient: User, *, number: int) -> None:
    """Most agreed to everything; some never verified, some bounce, some left no address at all."""
    if number % 16 == 9:
        return
    trouble = cast.TROUBLE.get(patient.email, {})
    email = _email(patient, address=trouble.get("email", ""))
    if number % 8 != 6:
        _agree(email)
    if number % 16 == 3:
        contacts.set_status(
            contact=email, status=ContactStatus.NEEDS_UPDATE, reason="bounced", actor=ACTOR
        )
    if number % 3 == 2:
        return
    if number % 6 == 1:
        _device(patient)
    phone = _phone(patient, trouble.get("phone", f"(212) 555-01{50 + number % 50:02d}"))
    if number % 8 != 5:
        _agree(phone)


def _email(patient: User, *, address: str = "", relation: str = ""):
    return contacts.add(
        patient_id=patient.pk,
        kind=ContactKind.EMAIL,
        value=address or patient.email,
        relation=relation,
        actor=ACTOR,
    )


def _phone(patient: User, number: str, *, relation: str = ""):
    return contacts.add(
        patient_id=patient.pk,
        kind=ContactKind.PHONE,
        value=number,
        relation=relation,
        actor=ACTOR,
    )


def _device(patient: User) -> None:
    """Turn notifications on in a browser that does not exist."""
    add_device(
        patient_id=patient.pk,
        endpoint=f"https://fcm.googleapis.com/fcm/send/demo-{patient.pk}",
        p256dh=DEVICE_KEY,
        auth=DEVICE_AUTH,
        label="Chrome on Android",
        actor=ACTOR,
    )


def _agree(contact) -> None:
    """Note that an address was verified at the desk, and what its owner signed there."""
    is_email = contact.kind == ContactKind.EMAIL
    verified = contacts.mark_verified(contact_id=contact.pk, actor=ACTOR)
    consent.record(
        contact=verified,
        purpose=Purpose.TREATMENT,
        granted=True,
        wording=consent.CURRENT_EMAIL_WORDING if is_email else consent.CURRENT_TEXT_WORDING,
        source="desk",
        actor=ACTOR,
    )


def say_stop(patient: User) -> None:
    """Let a patient's numbers say STOP: no more texts, and consent taken back."""
    for contact in contacts.of_patient(patient_id=patient.pk):
        if contact.kind == ContactKind.PHONE:
            contacts.opt_out(number=contact.value["address"], actor=ACTOR)


def _plan_recalls(clinic: Clinic, *, dice: random.Random) -> None:
    """A cleaning every six months for most, gum care every three or four instead for some."""
    everyone = [clinic.ana, clinic.maria, *clinic.children, *clinic.patients]
    today = clock.now().date()
    for number, patient in enumerate(everyone):
        cares_for_gums = number % 7 == 3
        since = dice.randrange(10, 100) if cares_for_gums else dice.randrange(20, 200)
        start_recall(
            patient_id=patient.pk,
            kind=RecallSchedule.Kind.PERIO if cares_for_gums else RecallSchedule.Kind.HYGIENE,
            months=3 + number % 2 if cares_for_gums else 6,
            last_visit_on=today - timedelta(days=since),
            actor=ACTOR,
        )
