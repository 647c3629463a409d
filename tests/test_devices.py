"""Devices: turned on by whoever sits in front of them, listed for their owner, turned off."""

import hashlib
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from notifications import clock, contacts
from notifications.contacts import devices
from notifications.enums import AuditAction, ContactStatus, DeliveryStatus, Reason
from notifications.models import AuditEvent, ContactPoint
from notifications.types import Refused
from portal import services
from portal.models import Guardianship
from portal.views.devices import label_of
from tests.clinic import DESK
from tests.conftest import signed_in
from tests.crowd import side_by_side
from tests.engine import NOON, email_of, run, send, status_of
from tests.pages import child_of, text_of
from tests.pushing import MOZILLA, browser_keys, with_key

pytestmark = pytest.mark.django_db
SETTINGS, DEVICES = "/notifications/settings/", "/notifications/settings/devices/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HERE = f"https://{MOZILLA}/wpush/v2/here"


@pytest.fixture(autouse=True)
def key(settings):
    public = with_key(settings)
    settings.NOTIFICATIONS_PUSH_PROVIDER = "notifications.providers.outbox.Outbox"
    return public


def add(patient, endpoint=HERE, **options):
    given = {"label": "Firefox on Linux", "actor": DESK, **browser_keys(), **options}
    return devices.add_device(patient_id=patient.pk, endpoint=endpoint, **given)


def labels(patient) -> list[str]:
    return [each.label for each in devices.devices_of(patient_id=patient.pk)]


def turn_on(client, path=DEVICES, endpoint=HERE, **data):
    return client.post(
        path, {"endpoint": endpoint, **browser_keys(), **data}, headers={"User-Agent": FIREFOX}
    )


def renew(client, endpoint, old=None, **changes):
    """Do as the service worker does when the browser has a new subscription."""
    said = {"endpoint": endpoint, "keys": browser_keys(), "old": old, **changes}
    return client.post(DEVICES, json.dumps(said), content_type="application/json")


# -- one device, one row ------------------------------------------------------------------------


def test_the_same_browser_again_is_the_same_row_with_its_new_keys(ana):
    first, again = add(ana, label="Firefox on Linux"), add(ana, label="Firefox on Windows")
    assert first.pk == again.pk
    again.refresh_from_db()
    assert again.value["p256dh"] != first.value["p256dh"]
    assert labels(ana) == ["Firefox on Windows"]


def test_a_device_that_was_gone_and_comes_back_is_a_new_one(ana):
    first = add(ana)
    contacts.remove(patient_id=ana.pk, contact_id=first.pk, actor=DESK)
    second = add(ana)
    assert second.pk != first.pk
    assert [each.pk for each in devices.devices_of(patient_id=ana.pk)] == [second.pk]


def test_of_eleven_devices_the_one_not_heard_of_for_longest_makes_room(ana, ben):
    email_of(ana)
    bens = add(ben, f"{HERE}/ben")
    for number in range(10):
        with clock.at(NOON + timedelta(days=number)):
            add(ana, f"{HERE}/{number}", label=f"Browser {number}")
    with clock.at(NOON + timedelta(days=20)):
        add(ana, f"{HERE}/0", label="Browser 0")  # registers again: it is in use
        add(ana, f"{HERE}/10", label="Browser 10")
    assert sorted(labels(ana)) == sorted(f"Browser {n}" for n in (0, *range(2, 11)))
    assert len(contacts.of_patient(patient_id=ana.pk)) == 11  # her e-mail address as well
    bens.refresh_from_db()
    assert bens.status == ContactStatus.ACTIVE


def test_a_browser_in_other_hands_is_no_longer_anas(ana, ben):
    anas = add(ana)
    bens = add(ben)
    anas.refresh_from_db()
    assert (anas.status, anas.status_reason) == (ContactStatus.REMOVED, "shared_device")
    assert [each.pk for each in devices.devices_of(patient_id=ben.pk)] == [bens.pk]


def test_a_mother_may_have_her_own_and_her_sons_messages_on_one_phone(ana, ben):
    sam = child_of(ana)
    client = signed_in(ana)
    turn_on(client)
    turn_on(client, f"/for/{sam.pk}{DEVICES}")
    assert labels(ana) == labels(sam) == ["Firefox on Linux"]
    turn_on(signed_in(ben))  # and then the phone is Ben's
    assert labels(ana) == labels(sam) == []
    assert labels(ben) == ["Firefox on Linux"]


@pytest.mark.req("H-05")
def test_its_address_and_keys_are_sealed_and_never_shown(ana, ana_client):
    kept = add(ana)
    page = text_of(ana_client.get(SETTINGS))
    secrets = list(kept.value.values())
    assert len(secrets) == 3
    assert not [each for each in secrets if each in page]
    assert contacts.masked(kept) == "Firefox on Linux"
    details = str(list(AuditEvent.objects.values_list("details", flat=True)))
    assert not [each for each in secrets if each in details]


def test_every_change_of_a_device_is_in_the_trail(ana, ben):
    kept = add(ana)
    add(ana)
    add(ben)
    trail = AuditEvent.objects.filter(action=AuditAction.CONTACT, patient_id=ana.pk).order_by("id")
    assert [row.details["change"] for row in trail] == ["added", "refreshed", "removed"]
    assert {row.object_id for row in trail} == {str(kept.pk)}


def test_a_device_needs_no_code_and_gets_none(ana):
    kept = add(ana)
    with pytest.raises(Refused, match="A device needs no code"):
        contacts.send_code(patient_id=ana.pk, contact_id=kept.pk, actor=DESK)


# -- the page -----------------------------------------------------------------------------------


def test_the_part_says_what_is_sent_and_offers_the_button(ana_client, key):
    page = text_of(ana_client.get(SETTINGS))
    assert "It never shows what the message says." in page
    assert "Turn on here" in page
    assert f'data-key="{key}"' in page
    assert "Not turned on anywhere yet." in page
    assert 'href="#devices"' in page  # from the table of what comes how
    assert "your browser must allow scripts" in page  # what is read without script


def test_turning_on_registers_the_browser_under_its_name_and_says_so(ana, ana_client):
    answer = turn_on(ana_client, next=SETTINGS)
    assert (answer.status_code, answer.headers["Location"]) == (303, SETTINGS)
    page = text_of(ana_client.get(SETTINGS))
    assert "Notifications are on for this device." in page
    assert "Firefox on Linux" in page
    (kept,) = devices.devices_of(patient_id=ana.pk)
    mark = hashlib.sha256(HERE.encode()).hexdigest()
    assert f'data-device="{mark}"' in page
    assert kept.value["address"] == HERE


@pytest.mark.req("S-10")
def test_an_endpoint_off_the_list_is_refused_in_words_and_nothing_is_kept(ana, ana_client):
    turn_on(ana_client, endpoint="https://169.254.169.254/latest/meta-data/", next=SETTINGS)
    assert "is not one we work with" in text_of(ana_client.get(SETTINGS))
    assert labels(ana) == []
    answer = renew(ana_client, "https://127.0.0.1/x")
    assert (answer.status_code, answer.json()["field"]) == (400, "endpoint")
    assert labels(ana) == []


def test_without_a_key_nothing_is_offered_and_nothing_registers(ana, ana_client, settings):
    settings.NOTIFICATIONS_VAPID_PRIVATE_KEY = ""
    assert "Turn on here" not in text_of(ana_client.get(SETTINGS))
    turn_on(ana_client, next=SETTINGS)
    assert labels(ana) == []
    assert renew(ana_client, HERE).status_code == 400


def test_where_pushes_are_off_nothing_is_offered(ana_client, settings):
    settings.NOTIFICATIONS_PUSH_PROVIDER = ""
    assert "Turn on here" not in text_of(ana_client.get(SETTINGS))


def test_a_device_is_not_among_the_addresses_and_is_never_asked_for_a_code(ana, ana_client):
    kept = add(ana)
    assert f"contacts/{kept.pk}/" not in text_of(ana_client.get(SETTINGS))
    for page in ("", "code/", "verify/", "consent/"):
        path = f"{SETTINGS}contacts/{kept.pk}/{page}"
        answer = ana_client.post(path, {"agree": "yes"}) if page else ana_client.get(path)
        assert answer.status_code == 404, page


def test_removing_a_device_turns_it_off(ana, ana_client, note, noon):
    kept = add(ana)
    answer = ana_client.post(f"{DEVICES}{kept.pk}/remove/", {"next": SETTINGS})
    assert (answer.status_code, answer.headers["Location"]) == (303, SETTINGS)
    assert "Notifications are off for that device." in text_of(ana_client.get(SETTINGS))
    made = send(ana)
    run()
    assert status_of(made, "push") == (DeliveryStatus.SKIPPED, Reason.NO_DEVICE)


@pytest.mark.req("S-01")
def test_bens_device_answers_ana_like_one_that_does_not_exist(ana_client, ben):
    bens = add(ben)
    theirs = ana_client.post(f"{DEVICES}{bens.pk}/remove/")
    nobodys = ana_client.post(f"{DEVICES}{uuid4()}/remove/")
    assert theirs.status_code == nobodys.status_code == 404
    bens.refresh_from_db()
    assert bens.status == ContactStatus.ACTIVE


@pytest.mark.req("S-01")
def test_ana_registers_no_device_for_ben(ana_client, ben):
    assert turn_on(ana_client, f"/for/{ben.pk}{DEVICES}").status_code == 404
    assert labels(ben) == []


def test_an_email_address_is_no_device(ana, ana_client):
    kept = email_of(ana)
    assert ana_client.post(f"{DEVICES}{kept.pk}/remove/").status_code == 404


@pytest.mark.req("S-05")
def test_registering_needs_the_csrf_token(ana):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana, backend="django.contrib.auth.backends.ModelBackend")
    assert turn_on(client).status_code == 403
    assert renew(client, HERE).status_code == 403
    token = client.get(DEVICES).json()["csrf"]
    said = json.dumps({"endpoint": HERE, "keys": browser_keys()})
    answer = client.post(
        DEVICES, said, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert answer.status_code == 201
    assert len(labels(ana)) == 1


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14) Safari/605.1", "Safari on Mac"),
        ("<script>alert(1)</script>", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_device_has_a_name_its_owner_knows(agent, label):
    assert label_of(agent) == label


# -- the service worker -------------------------------------------------------------------------


def test_the_worker_may_speak_for_the_whole_site_and_is_asked_for_anew(client):
    answer = client.get("/sw.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Service-Worker-Allowed"] == "/"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "showNotification" in text_of(answer)


@pytest.mark.req("P-32")
@pytest.mark.req("P-35")
def test_a_device_says_one_neutral_sentence_in_its_readers_language(client, practice):
    practice.public_name = "Main Street"
    practice.save()
    first, _rest = text_of(client.get("/sw.js")).split(";\n", 1)
    words = json.loads(first.removeprefix("const WORDS = "))
    assert {code: each["one"] for code, each in words.items()} == {
        "en": "You have a new message from Main Street. Sign in to read it.",
        "es": "Tiene un mensaje nuevo de Main Street. Inicie sesión para leerlo.",
    }
    for each in words.values():
        assert each["title"] == "Main Street"
        assert "{count}" in each["many"] and "Main Street Dental" not in each["many"]
        assert len(each["one"]) <= 120  # longer, a lock screen cuts it


def test_the_worker_learns_what_it_needs_only_while_its_reader_is_signed_in(
    ana_client, client, key
):
    assert ana_client.get(DEVICES).json()["key"] == key
    assert client.get(DEVICES).status_code == 302


def test_a_browsers_new_subscription_takes_the_place_of_the_old_for_mother_and_son(ana, ben):
    sam = child_of(ana)
    client = signed_in(ana)
    turn_on(client)
    turn_on(client, f"/for/{sam.pk}{DEVICES}")
    answer = renew(client, f"{HERE}/new", old=HERE)
    assert (answer.status_code, answer.json()) == (201, {"registered": 2})
    for patient in (ana, sam):
        (kept,) = devices.devices_of(patient_id=patient.pk)
        assert kept.value["address"] == f"{HERE}/new"
        assert kept.label == "Firefox on Linux"


def test_fresh_keys_for_the_same_address_keep_the_row(ana, ana_client):
    kept = add(ana)
    renew(ana_client, HERE, old=HERE)
    assert [each.pk for each in devices.devices_of(patient_id=ana.pk)] == [kept.pk]


@pytest.mark.req("S-01")
def test_ana_cannot_take_over_bens_registration_by_naming_it(ana, ana_client, ben):
    bens = add(ben)
    assert renew(ana_client, f"{HERE}/new", old=HERE).json() == {"registered": 0}
    bens.refresh_from_db()
    assert (bens.status, bens.value["address"]) == (ContactStatus.ACTIVE, HERE)
    assert labels(ana) == []


@pytest.mark.parametrize(
    "body",
    ["{", "[]", "7", "null", "{}", '{"endpoint": 7}', '{"endpoint": "x", "keys": []}', "[" * 9999],
)
def test_what_is_no_subscription_is_refused(ana, ana_client, body):
    answer = ana_client.post(DEVICES, body, content_type="application/json")
    assert answer.status_code == 400
    assert labels(ana) == []


# -- signing out --------------------------------------------------------------------------------


@pytest.mark.req("P-32")
def test_p32_signing_out_ends_the_pushes_to_this_browser_only(ana, ben):
    sam = child_of(ana)
    client = signed_in(ana)
    turn_on(client)
    turn_on(client, f"/for/{sam.pk}{DEVICES}")
    add(ana, f"{HERE}/phone", label="Her phone")
    bens = add(ben, f"{HERE}/ben")
    client.post("/accounts/logout/", {"endpoint": HERE})
    assert client.get(DEVICES).status_code == 302  # signed out
    assert labels(ana) == ["Her phone"]
    assert labels(sam) == []
    bens.refresh_from_db()
    assert bens.status == ContactStatus.ACTIVE


@pytest.mark.parametrize("endpoint", ["", "https://evil.example/", "x" * 5000])
def test_signing_out_works_whatever_the_browser_says(ana, ana_client, endpoint):
    add(ana)
    answer = ana_client.post("/accounts/logout/", {"endpoint": endpoint})
    assert answer.status_code == 302
    assert ana_client.get(DEVICES).status_code == 302
    assert labels(ana) == ["Firefox on Linux"]


@pytest.mark.req("S-01")
def test_ana_cannot_end_bens_pushes_by_signing_out(ana_client, client, ben):
    bens = add(ben)
    ana_client.post("/accounts/logout/", {"endpoint": HERE})
    client.post("/accounts/logout/", {"endpoint": HERE})  # nobody at all
    bens.refresh_from_db()
    assert bens.status == ContactStatus.ACTIVE


def test_two_devices_are_kept_in_two_rows_of_the_same_patient(ana):
    add(ana)
    add(ana, f"{HERE}/2")
    assert ContactPoint.objects.filter(patient=ana).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_browser_that_registers_eight_times_at_once_is_one_device(ana):
    made = side_by_side(*[lambda: add(ana).pk for _ in range(8)])
    assert len(set(made)) == 1
    assert len(labels(ana)) == 1


@pytest.mark.django_db(transaction=True)
def test_twelve_devices_that_register_at_once_are_ten_in_the_end(ana):
    for number in range(9):
        add(ana, f"{HERE}/{number}")
    side_by_side(*[lambda n=number: add(ana, f"{HERE}/new-{n}").pk for number in range(3)])
    assert len(labels(ana)) == 10


@pytest.mark.req("H-14")
def test_whose_guardianship_ends_hears_no_more_of_the_child_on_their_phone(ana, ben):
    child = child_of(ana)
    Guardianship.objects.create(guardian=ben, patient=child)
    for guardian, phone in ((ana, f"{HERE}/ana"), (ben, f"{HERE}/ben")):
        turn_on(signed_in(guardian), f"/for/{child.pk}{DEVICES}", phone)
    turn_on(signed_in(ben), DEVICES, f"{HERE}/ben")
    tie = Guardianship.objects.get(guardian=ana, patient=child)
    services.end_guardianship(guardianship_id=tie.pk, actor=DESK)
    (left,) = devices.devices_of(patient_id=child.pk)
    assert left.value["address"] == f"{HERE}/ben"


@pytest.mark.django_db(transaction=True)
def test_a_browser_that_moves_and_the_desk_at_an_address_never_lock_each_other_out(ana):
    email = email_of(ana)
    add(ana, f"{HERE}/0")

    def moves():
        for number in range(12):
            end = {"old": f"{HERE}/{number}", "endpoint": f"{HERE}/{number + 1}"}
            devices.replace_device(**end, **browser_keys(), patient_ids=[ana.pk], actor=DESK)

    def verifies():
        for _each in range(24):
            contacts.mark_verified(contact_id=email.pk, actor=DESK)

    side_by_side(moves, verifies)
    (device,) = devices.devices_of(patient_id=ana.pk)
    assert device.value["address"] == f"{HERE}/12"
