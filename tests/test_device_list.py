"""The list of devices: when each was last used, what its owner calls it, and a test of it."""

import json
import struct
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from notifications import clock, contacts, switches
from notifications.contacts import devices
from notifications.enums import ContactEffect, ContactStatus, ErrorKind
from notifications.models import AuditEvent, PatientNotification
from notifications.types import AnswerLost, ChannelError
from tests.clinic import DESK
from tests.conftest import PASSWORD, signed_in
from tests.engine import NOON, run, send
from tests.pages import child_of, text_of
from tests.pushing import MOZILLA, browser_keys, with_key

pytestmark = pytest.mark.django_db
SETTINGS, DEVICES = "/notifications/settings/", "/notifications/settings/devices/"
HERE = f"https://{MOZILLA}/wpush/v2/here"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def key(settings, carrier):
    with_key(settings)
    settings.NOTIFICATIONS_PUSH_PROVIDER = "tests.engine.Told"
    settings.NOTIFICATIONS_SMS_PROVIDER = ""


def add(patient, endpoint=HERE, label="Firefox on Linux", **options):
    given = {"label": label, "actor": DESK, **browser_keys(), **options}
    return devices.add_device(patient_id=patient.pk, endpoint=endpoint, **given)


def try_out(client, device, **options):
    return client.post(f"{DEVICES}{device.pk}/test/", {"next": SETTINGS}, **options)


def status_of_each(*rows):
    for row in rows:
        row.refresh_from_db()
    return [row.status for row in rows]


# -- when it was last used ----------------------------------------------------------------------


def test_each_device_says_when_it_last_took_a_message(
    ana, ana_client, ben, note, noon, django_assert_num_queries
):
    with clock.at(NOON - timedelta(days=3)):
        phone = add(ana, f"{HERE}/phone", label="Phone")
    send(ana)
    run()
    with clock.at(NOON + timedelta(minutes=1)):
        tablet = add(ana, f"{HERE}/tablet", label="Tablet")
        bens = add(ben, f"{HERE}/ben")
    page = text_of(ana_client.get(SETTINGS))
    assert "Added Nov 21, last used today" in page
    assert "Added Nov 24, not used yet" in page
    with clock.at(NOON + timedelta(days=2)):
        assert "Added Nov 21, last used Nov 24" in text_of(ana_client.get(SETTINGS))
    with django_assert_num_queries(1):
        assert devices.last_used([phone, tablet, bens]) == {phone.pk: NOON}


# -- its name -----------------------------------------------------------------------------------


def test_a_device_goes_by_the_name_its_owner_gives_it(ana, ana_client):
    device = add(ana)
    answer = ana_client.post(
        f"{DEVICES}{device.pk}/name/", {"name": "  Kitchen   tablet ", "next": SETTINGS}
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, SETTINGS)
    page = text_of(ana_client.get(SETTINGS))
    assert "This device is now called “Kitchen tablet”." in page
    assert "Firefox on Linux" not in page
    assert AuditEvent.objects.filter(details__change="renamed", patient_id=ana.pk).count() == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\x00b"])
def test_no_name_and_one_that_is_too_long_are_refused_in_words(ana, ana_client, name):
    device = add(ana)
    ana_client.post(f"{DEVICES}{device.pk}/name/", {"name": name, "next": SETTINGS})
    page = text_of(ana_client.get(SETTINGS))
    assert "Write a name of 1 to 40 letters." in page
    assert "Firefox on Linux" in page


# -- a test of it -------------------------------------------------------------------------------


def test_a_test_shows_the_neutral_sentence_on_that_device_and_leaves_the_inbox_alone(
    ana, ana_client, ben, carrier
):
    device = add(ana)
    add(ana, f"{HERE}/other")
    add(ben, f"{HERE}/ben")
    answer = try_out(ana_client, device, headers=HTMX)
    assert "Test sent." in text_of(answer)
    ((channel, envelope, said),) = carrier.handed
    assert (channel, envelope.to["address"]) == ("push", HERE)
    sentence = "You have a new message from Main Street Dental. Sign in to read it."
    assert said == {"push.txt": sentence}
    assert not PatientNotification.objects.exists()
    tested = AuditEvent.objects.get(details__change="tested")
    assert (tested.object_id, tested.patient_id) == (str(device.pk), ana.pk)


def test_without_script_its_result_is_on_the_page(ana, ana_client, carrier):
    assert try_out(ana_client, add(ana)).headers["Location"] == SETTINGS
    assert "Test sent." in text_of(ana_client.get(SETTINGS))


def test_a_device_is_tested_once_a_minute_and_each_for_itself(ana, ana_client, carrier):
    device, other = add(ana), add(ana, f"{HERE}/other")
    try_out(ana_client, device)
    refused = try_out(ana_client, device, headers=HTMX)
    assert refused.status_code == 422
    assert "A test was just sent." in text_of(refused)
    try_out(ana_client, other)
    assert len(carrier.handed) == 2
    later = clock.real_now() + timedelta(seconds=61)
    with patch.object(clock, "real_now", return_value=later):
        try_out(ana_client, device)
    assert len(carrier.handed) == 3


@pytest.mark.parametrize(
    ("error", "said", "status"),
    [
        (
            ChannelError(code="410", kind=ErrorKind.PERMANENT, contact=ContactEffect.REMOVED),
            "This device no longer takes our notifications.",
            ContactStatus.REMOVED,
        ),
        (
            ChannelError(code="503", kind=ErrorKind.TRANSIENT),
            "The test could not be sent.",
            ContactStatus.ACTIVE,
        ),
        (
            ChannelError(code="401", kind=ErrorKind.CONFIGURATION),
            "The test could not be sent.",
            ContactStatus.ACTIVE,
        ),
        (AnswerLost(code="timeout"), "Test sent.", ContactStatus.ACTIVE),
    ],
)
def test_what_became_of_a_test_is_said(ana, ana_client, carrier, error, said, status):
    device = add(ana)
    carrier.answers = [error]
    assert said in text_of(try_out(ana_client, device, headers=HTMX))
    device.refresh_from_db()
    assert device.status == status


@pytest.mark.parametrize("why", ["all is held", "push is off", "not to be used", "left us"])
def test_where_nothing_may_go_no_test_goes_either(ana, ana_client, carrier, settings, why):
    device = add(ana)
    if why == "all is held":
        switches.hold(actor=DESK, why="moving house")
    if why == "push is off":
        settings.NOTIFICATIONS_PUSH_PROVIDER = ""
    if why == "not to be used":
        asked = {"patient_id": ana.pk, "kind": "push", "contact_id": device.pk}
        contacts.record_request(**asked, actor=DESK)
    if why == "left us":
        ana.departure = "left"
        ana.save()
    assert try_out(ana_client, device, headers=HTMX).status_code == 422
    assert carrier.handed == []


@pytest.mark.req("S-01")
@pytest.mark.parametrize("action", ["name", "test"])
def test_bens_device_and_anas_number_answer_her_like_nobodys(ana, ana_client, ben, carrier, action):
    bens = add(ben)
    number = contacts.add(patient_id=ana.pk, kind="phone", value="+12125550142", actor=DESK)
    for contact_id in (bens.pk, number.pk, uuid4()):
        path = f"{DEVICES}{contact_id}/{action}/"
        assert ana_client.post(path, {"name": "Mine"}).status_code == 404
    bens.refresh_from_db()
    assert (bens.label, carrier.handed) == ("Firefox on Linux", [])


# -- who uses this browser ----------------------------------------------------------------------


@pytest.mark.req("P-32")
def test_p32_who_signs_in_where_another_was_hears_nothing_of_theirs(ana, ben):
    sam = child_of(ana)
    own, sams = add(ana), add(sam, may_stay={ana.pk})
    phone, bens = add(ana, f"{HERE}/phone"), add(ben, f"{HERE}/ben")
    said = {"password": PASSWORD, "endpoint": HERE}
    Client().post("/accounts/login/", {"username": ana.email, **said})  # it is still hers
    assert status_of_each(own, sams) == [ContactStatus.ACTIVE] * 2

    Client().post("/accounts/login/", {"username": ben.email, **said, "password": "a guess"})
    assert status_of_each(own, sams) == [ContactStatus.ACTIVE] * 2
    assert Client().post("/accounts/login/", {"username": ben.email, **said}).status_code == 302
    assert status_of_each(own, sams) == [ContactStatus.REMOVED] * 2
    assert status_of_each(phone, bens) == [ContactStatus.ACTIVE] * 2


@pytest.mark.req("P-32")
def test_p32_not_now_is_kept_on_this_device_for_90_days(ana, ana_client, ben):
    card = 'aria-labelledby="nudge"'
    assert card in text_of(ana_client.get("/"))
    answer = ana_client.post(f"{DEVICES}not-now/", headers=HTMX)
    assert "You can turn it on in your settings" in text_of(answer)
    cookie = answer.cookies["not_now"]
    assert (cookie["max-age"], cookie["samesite"], cookie["httponly"]) == (7776000, "Lax", True)
    assert card not in text_of(ana_client.get("/"))
    assert card in text_of(signed_in(ben).get("/"))  # on another device
    assert card not in text_of(signed_in(ben).get(SETTINGS))  # where the button always is


def test_without_a_key_no_card_is_drawn(ana_client, settings):
    settings.NOTIFICATIONS_VAPID_PRIVATE_KEY = ""
    assert 'aria-labelledby="nudge"' not in text_of(ana_client.get("/"))


# -- on a home screen ---------------------------------------------------------------------------


def test_the_portal_can_be_put_on_a_home_screen(client):
    folder = Path(finders.find("portal/site.webmanifest")).parent
    manifest = json.loads((folder / "site.webmanifest").read_text())
    assert (manifest["start_url"], manifest["display"]) == ("/m", "standalone")
    assert {"name", "short_name", "lang", "background_color"} <= manifest.keys()
    for icon in manifest["icons"]:
        assert (folder / icon["src"]).exists()
    sizes = {icon["sizes"]: (folder / icon["src"]).read_bytes() for icon in manifest["icons"]}
    for size in (192, 512):
        width_and_height = struct.unpack(">II", sizes[f"{size}x{size}"][16:24])
        assert width_and_height == (size, size)
    assert "portal/icon.png" in (folder / "sw.js").read_text()
    assert 'rel="apple-touch-icon"' in client.get("/accounts/login/").content.decode()
