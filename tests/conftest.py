"""The people of the tests: Ana and Ben are patients who must never see each other's messages."""

import pytest
from django.db import connection
from django.test import Client

from notifications import clock, consent, contacts
from notifications.crypto import forget_keys
from notifications.enums import ContactKind, PatientNotificationType, Purpose
from notifications.providers.outbox import OutboxMessage
from portal.models import Location, Practice, Provider, User
from tests.engine import NOON, NotePayload, Told, ToldMail

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, tmp_path_factory):
    """Keep SQLite in a file, as a practice does: in memory, connections lock each other out."""
    if connection.vendor == "sqlite":
        place = tmp_path_factory.mktemp("database")
        connection.settings_dict["TEST"]["NAME"] = str(place / "tests.sqlite3")


@pytest.fixture(autouse=True)
def plain_settings(settings):
    """One carrier at a time in tests' transactions, and cheap passwords."""
    settings.NOTIFICATIONS_SEND_SLOTS = "1"
    settings.NOTIFICATIONS_WATERMARK = ""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_BACKEND = "notifications.providers.outbox.EmailBackend"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.SECURE_SSL_REDIRECT = False
    forget_keys()


@pytest.fixture
def practice(db) -> Practice:
    return Practice.objects.create(
        name="Main Street Dental",
        public_name="Main Street Dental",
        phone="212-555-0100",
        postal_address="1 Main St, Springfield",
        zone="America/New_York",
    )


@pytest.fixture
def location(practice) -> Location:
    return Location.objects.create(
        practice=practice, name="Main St", phone="212-555-0100", zone="America/New_York"
    )


@pytest.fixture
def provider(db) -> Provider:
    return Provider.objects.create(name="Dr Lee")


@pytest.fixture
def ana(location) -> User:
    return make_patient("ana@example.com", "Ana", location)


@pytest.fixture
def ben(location) -> User:
    return make_patient("ben@example.com", "Ben", location)


def make_patient(email: str, first_name: str, location: Location) -> User:
    """Return a patient who can sign in and has no address for messages yet."""
    return User.objects.create_user(
        username=email,
        email=email,
        password=PASSWORD,
        first_name=first_name,
        last_name="Example",
        home_location=location,
    )


@pytest.fixture
def ana_email(ana):
    """Ana's e-mail address, verified and agreed to."""
    return agreed_email(ana)


def agreed_email(patient: User):
    """Give a patient a verified e-mail address with consent to visit details."""
    contact = contacts.add(
        patient_id=patient.pk, kind=ContactKind.EMAIL, value=patient.email, actor="system:test"
    )
    contacts.mark_verified(contact_id=contact.pk, actor="system:test")
    contact.refresh_from_db()
    consent.record(
        contact=contact,
        purpose=Purpose.TREATMENT,
        granted=True,
        wording=consent.CURRENT_EMAIL_WORDING,
        source="test",
        actor="system:test",
    )
    return contact


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def ana_client(ana) -> Client:
    return signed_in(ana)


@pytest.fixture
def ben_client(ben) -> Client:
    return signed_in(ben)


@pytest.fixture
def outbox(db):
    """Everything that left, oldest first."""

    def messages(channel: str = "email") -> list[OutboxMessage]:
        return list(OutboxMessage.objects.filter(channel=channel).order_by("id"))

    return messages


@pytest.fixture
def note():
    """A small message type on every channel, known as long as the test runs."""
    PatientNotificationType.register(NotePayload)
    yield NotePayload
    PatientNotificationType.unregister("note")


@pytest.fixture
def carrier(settings):
    """Carriers that answer as told, for e-mail, texts and pushes."""
    settings.EMAIL_BACKEND = "tests.engine.ToldMail"
    settings.NOTIFICATIONS_SMS_PROVIDER = settings.NOTIFICATIONS_PUSH_PROVIDER = "tests.engine.Told"
    Told.answers, Told.handed, Told.known, ToldMail.handed = [], [], None, []
    Told.written = []
    return Told


@pytest.fixture
def noon():
    """A Tuesday at noon where Ana and Ben live: nothing is held at this hour."""
    with clock.at(NOON):
        yield NOON


@pytest.fixture
def mark(settings, tmp_path, monkeypatch):
    """The file outside the database in which each tick is noted, in real time."""
    monkeypatch.setattr(clock, "is_pretended", lambda: False)
    settings.NOTIFICATIONS_WATERMARK = str(tmp_path / "var" / "watermark")
    return tmp_path / "var" / "watermark"
