"""Who comes to the simulated clinic: people of every kind the engine has to tell apart."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.contrib.auth.hashers import make_password

from notifications import clock, consent, contacts
from notifications.contacts.devices import add_device
from notifications.crypto import new_id
from notifications.enums import ContactKind, Purpose
from notifications.models import ContactPoint
from portal.management.demo.people import DEVICE_AUTH, DEVICE_KEY
from portal.management.simulation import ACTOR
from portal.models import Languages, Location, Practice, Provider, ReminderRule, User
from portal.services import default_reminder_rules

# Zones that change their clocks and zones that do not; some ask on a ladder.
PLACES = (
    ("Main Street", "America/New_York", "NY", ""),
    ("Union Square", "America/Denver", "CO", ReminderRule.Ladder.STANDARD),
    ("Desert Road", "America/Phoenix", "AZ", ReminderRule.Ladder.MAIL_FIRST),
    ("Harbor", "Pacific/Honolulu", "HI", ""),
    ("Market Square", "America/Indiana/Indianapolis", "IN", ReminderRule.Ladder.STANDARD),
)
PROVIDERS_A_PLACE = 4
FIRST_NUMBER = 1000  # below are the magic ones, of whom the outbox reports trouble


@dataclass
class Town:
    """The simulated clinic as its own people know it."""

    locations: list[Location] = field(default_factory=list)
    providers: dict[Location, list[Provider]] = field(default_factory=dict)
    patients: list[User] = field(default_factory=list)


def found(*, patients: int, dice: random.Random) -> Town:
    """Create a practice with its places and people. Needs an empty database."""
    town = Town()
    practice = Practice.objects.create(
        name="Main Street Dental",
        public_name="Main Street Dental",
        phone="(212) 555-0100",
        postal_address="12 Main Street, New York, NY 10001",
    )
    for name, zone, state, ladder in PLACES:
        _open(town, Location(practice=practice, name=name, zone=zone, state=state), ladder=ladder)
    while len(town.patients) < patients:
        _move_in(town, dice=dice, most=patients - len(town.patients))
    return town


def _open(town: Town, place: Location, *, ladder: str) -> None:
    place.phone = "(212) 555-0100"
    place.save(force_insert=True)
    default_reminder_rules(place)
    if ladder:
        ReminderRule.objects.create(
            location=place,
            name="please-confirm",
            what=ReminderRule.What.CONFIRM,
            minutes_before=4 * 24 * 60,
            until=ReminderRule.Until.CONFIRMED,
            ladder=ladder,
        )
    town.locations.append(place)
    town.providers[place] = [
        Provider.objects.create(name=f"Dr. {place.name} {number}")
        for number in range(1, PROVIDERS_A_PLACE + 1)
    ]


def _move_in(town: Town, *, dice: random.Random, most: int) -> None:
    """Let a household move in: mostly one person, sometimes up to four on one number."""
    size = min(most, dice.choice((1, 1, 1, 1, 2, 3, 4)))
    number = f"+1212555{FIRST_NUMBER + len(town.patients):04d}"
    place = dice.choice(town.locations)
    for _member in range(size):
        patient = _person(town, place=place, dice=dice)
        _give_addresses(patient, number=number, dice=dice)
        town.patients.append(patient)


def _person(town: Town, *, place: Location, dice: random.Random) -> User:
    patient_id, number = new_id(), len(town.patients)
    moved_away = dice.random() < 0.05
    return User.objects.create(
        id=patient_id,
        username=f"patient{number}@example.com",
        email=f"patient{number}@example.com",
        password=make_password(None),
        first_name="Patient",
        last_name=str(number),
        language=Languages.ES if dice.random() < 0.2 else Languages.EN,
        home_location=place,
        zone="America/Los_Angeles" if moved_away else "",
        date_of_birth=(date(2026, 1, 1) - timedelta(days=dice.randrange(7000, 30000))).isoformat(),
        date_joined=clock.now(),
    )


def _give_addresses(patient: User, *, number: str, dice: random.Random) -> None:
    """Most have it all; some lack an address, some never verified or agreed."""
    if dice.random() < 0.95:
        _address(patient, ContactKind.EMAIL, patient.email, dice=dice)
    if dice.random() < 0.9:
        _address(patient, ContactKind.PHONE, number, dice=dice)
    if dice.random() < 0.25:
        add_device(
            patient_id=patient.pk,
            endpoint=f"https://fcm.googleapis.com/fcm/send/simulated-{patient.pk}",
            p256dh=DEVICE_KEY,
            auth=DEVICE_AUTH,
            label="Chrome on Android",
            actor=ACTOR,
        )


def _address(patient: User, kind: ContactKind, value: str, *, dice: random.Random) -> None:
    contact = contacts.add(patient_id=patient.pk, kind=kind, value=value, actor=ACTOR)
    if dice.random() < 0.95:
        contact = contacts.mark_verified(contact_id=contact.pk, actor=ACTOR)
        if dice.random() < 0.95:
            agree(contact)


def agree(contact: ContactPoint, *, purpose: Purpose = Purpose.TREATMENT) -> None:
    """Note a patient's yes to messages at an address."""
    consent.record(
        contact=contact,
        purpose=purpose,
        granted=True,
        wording=consent.current_wording(kind=contact.kind, purpose=purpose),
        source="desk",
        actor=ACTOR,
    )
