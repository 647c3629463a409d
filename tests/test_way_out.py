"""The link that stops a type's e-mails: whoever holds it learns nothing of what they were about."""

import base64
import re
from binascii import Error as NotBase64
from contextlib import suppress

import pytest

from notifications import preferences
from notifications.enums import Category, PatientNotificationType
from notifications.preferences import leaving
from notifications.types import Refused
from tests.clinic import DESK
from tests.engine import email_of
from tests.pages import text_of

pytestmark = pytest.mark.django_db
TYPES = [
    cls
    for cls in PatientNotificationType.classes()
    if cls.__module__.startswith("portal.") and "email" not in cls.locked
]
NAMED = {Category.APPOINTMENTS, Category.PRACTICE_NEWS, Category.ACCOUNT}


def link_of(patient, cls) -> str:
    token = preferences.unsubscribe_token(patient_id=patient.pk, type_key=cls.type_key)
    return f"/unsubscribe/{token}/"


def is_mailed(patient, cls) -> bool:
    return preferences.effective(patient_id=patient.pk)[cls.type_key].enabled["email"]


def unpacked(link: str) -> str:
    """Return a link with whatever can be read from it without a key."""
    readable = [link]
    for part in re.split("[/:.]", link):
        padded = part + "=" * (-len(part) % 4)
        with suppress(NotBase64):
            readable.append(base64.urlsafe_b64decode(padded).decode("latin-1"))
    return " ".join(readable)


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.type_key)
@pytest.mark.req("H-10")
def test_h10_the_link_itself_does_not_tell_the_type(ana, cls):
    words = unpacked(link_of(ana, cls))
    assert not re.search("|".join(PatientNotificationType.values), words)


def test_the_same_type_has_another_code_in_another_patients_link(ana, ben):
    codes = {leaving._type_code(patient.pk, "lab_results") for patient in (ana, ben)}
    assert len(codes) == 2


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.type_key)
@pytest.mark.req("H-10")
def test_h10_the_page_names_the_type_only_where_its_name_tells_nothing(client, ana, cls):
    email_of(ana)
    asked = text_of(client.get(link_of(ana, cls)))
    done = text_of(client.post(link_of(ana, cls)))
    for page in (asked, done):
        assert (str(cls.label) in page) is (cls.category in NAMED)
    if cls.category not in NAMED:
        assert "like the one that brought you here" in asked
        assert "like the one that brought you here" in done


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.type_key)
@pytest.mark.req("H-10")
def test_h10_the_way_back_on_the_page_does_not_tell_the_type_either(client, ana, cls):
    preferences.change(
        patient_id=ana.pk, type_key=cls.type_key, changes={"email": True}, actor=DESK
    )
    page = client.post(link_of(ana, cls)).content.decode()
    (undo,) = re.findall(r'name="undo" value="([^"]+)"', page)
    assert not re.search("|".join(PatientNotificationType.values), unpacked(undo))
    client.post(link_of(ana, cls), {"undo": undo})
    assert is_mailed(ana, cls)


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.type_key)
def test_each_link_stops_its_own_type_for_its_own_patient(client, ana, ben, cls):
    before = {other: is_mailed(ana, other) for other in TYPES}
    client.post(link_of(ana, cls))
    assert {other: is_mailed(ana, other) for other in TYPES} == before | {cls: False}
    assert is_mailed(ben, cls) == before[cls]


def test_a_link_of_a_type_that_is_gone_leads_to_the_settings(ana, note):
    token = preferences.unsubscribe_token(patient_id=ana.pk, type_key="note")
    assert preferences.read_token(token) == (ana.pk, "note")
    PatientNotificationType.unregister("note")
    with pytest.raises(Refused, match="Sign in to change your settings"):
        preferences.read_token(token)
    PatientNotificationType.register(note)
