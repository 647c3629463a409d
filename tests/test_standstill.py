"""When nothing leaves, everybody at the desk sees why on every page, and who can mend it does."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications import clock, switches
from notifications.enums import AuditAction, DeliveryStatus, ErrorKind
from notifications.models import AuditEvent, Switch
from notifications.types import ChannelError
from portal.models import User
from tests.conftest import PASSWORD, signed_in
from tests.engine import BENS_NUMBER, NOON, delivery_of, email_of, phone_of, run, send
from tests.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
NO_LOGIN = ChannelError(code="20003", kind=ErrorKind.CONFIGURATION)
RESUME = "/admin/notifications/switch/sms/resume/"
PAGES = ["/admin/", "/admin/notifications/delivery/", "/admin/portal/user/add/", RESUME]
SECOND = timedelta(seconds=1)


@pytest.fixture
def chief(db):
    """Somebody with every right there is, who lives by the same clock as Ana and Ben."""
    return User.objects.create_superuser(
        username="chief@example.com",
        password=PASSWORD,
        first_name="Carla",
        last_name="Chief",
        zone="America/New_York",
    )


@pytest.fixture
def client_of_chief(chief):
    return signed_in(chief)


@pytest.fixture
def paused(ana, carrier):
    """Texts are paused since noon, and one to Ana waits."""
    phone_of(ana)
    carrier.answers = [NO_LOGIN]
    row = delivery_of(send(ana), "sms")
    run()
    row.refresh_from_db()
    assert switches.read().paused_since("sms") == NOON
    return row


def clerk(*rights):
    made = User.objects.create_user(username="lou@example.com", password=PASSWORD, is_staff=True)
    made.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return made


def banner_on(client, path="/admin/"):
    """Return the words of what stands still on a page, or nothing."""
    _before, found, rest = text_of(client.get(path)).partition('<section class="standstill')
    return " ".join(rest.split("</section>")[0].split()) if found else ""


# -- what is said -------------------------------------------------------------------------------


def test_where_nothing_is_wrong_nothing_is_said(client_of_chief, ana):
    switches.pause(channel="sms", code="20003", actor="system:test")
    switches.resume(channel="sms", actor="system:test")
    for path in PAGES:
        assert banner_on(client_of_chief, path) == ""


@pytest.mark.parametrize("path", PAGES)
def test_a_hold_is_on_every_page_with_since_when_by_whom_why_and_how_it_ends(
    client_of_chief, chief, ana, path
):
    switches.pause(channel="sms", code="20003", actor="system:test")
    switches.hold(actor=f"user:{chief.pk}", why="moving <house>")
    said = banner_on(client_of_chief, path)
    assert "All messages are held." in said
    assert "Since November 24, 12:00 PM EST. By Carla Chief. Why: moving &lt;house&gt;." in said
    assert "<code>manage.py release</code>" in said


def test_a_hold_after_a_backup_says_from_when_the_rows_are(client_of_chief):
    backup = NOON - timedelta(hours=9)
    switches.hold(actor="system:watermark", why="a backup", restored_from=backup)
    said = banner_on(client_of_chief)
    assert "By the system (watermark)." in said
    assert "backup of November 24, 3:00 AM EST: what was due since then may have gone" in said


def test_no_page_of_the_admin_ends_a_hold(client_of_chief):
    """Before messages go again, what may have gone already is asked after: a command's work."""
    switches.hold(actor="system:hold", why="a test")
    path = "/admin/notifications/switch/everything/resume/"
    assert client_of_chief.get(path).status_code == 404
    assert client_of_chief.post(path).status_code == 404
    assert switches.read().is_held
    assert path not in text_of(client_of_chief.get("/admin/notifications/switch/"))


def test_a_pause_names_the_code_in_words_and_leads_to_the_way_out(client_of_chief, paused):
    said = banner_on(client_of_chief)
    assert "Text: nothing is sent." in said
    assert "The provider answers <code>20003</code> (the account&#x27;s id" in said
    assert f'<a href="{RESUME}">Resume: Text</a>' in said


def test_a_code_nobody_knows_is_shown_as_it_is(client_of_chief):
    switches.pause(channel="email", code="X99", actor="system:test")
    assert "<code>X99</code>. " in banner_on(client_of_chief)


@pytest.mark.req("R-09")
def test_a_provider_that_is_left_alone_is_named_with_when_it_is_tried_again(client_of_chief, ana):
    switches.rest(channel="email", until=NOON + 4 * 60 * SECOND)
    said = banner_on(client_of_chief)
    assert "Email: the provider is not answering or asks us to wait." in said
    assert "Tried again at 12:04 PM EST." in said
    with clock.at(NOON + 300 * SECOND):
        assert banner_on(client_of_chief) == ""
    Switch.objects.update(trips=1)
    with clock.at(NOON + 300 * SECOND):
        assert banner_on(client_of_chief) == ""  # nobody waits for it
        email_of(ana)
        send(ana)
        assert "It is being tried again." in banner_on(client_of_chief)


def test_patients_pages_say_nothing_of_it(ana_client, ben_client, paused):
    for client in (ana_client, ben_client):
        assert "standstill" not in text_of(client.get("/notifications/"))


def test_it_costs_one_query_and_one_more_for_a_name(client_of_chief, chief):
    before = queries(client_of_chief)
    assert len([sql for sql in before if "switches" in sql]) == 1
    switches.pause(channel="sms", code="20003", actor="system:test")
    switches.pause(channel="email", code="535", actor="system:test")
    assert len(queries(client_of_chief)) == len(before)
    switches.hold(actor=f"user:{chief.pk}", why="a test")
    assert len(queries(client_of_chief)) == len(before) + 1


def queries(client):
    with CaptureQueriesContext(connection) as seen:
        assert client.get("/admin/").status_code == 200
    return [query["sql"] for query in seen.captured_queries]


def test_it_is_said_in_the_readers_language(chief):
    chief.language = "es"
    chief.save()
    switches.hold(actor="system:hold", why="a test")
    said = banner_on(signed_in(chief))
    assert "All messages" not in said
    assert "manage.py release" in said


# -- the way out --------------------------------------------------------------------------------


def test_to_look_at_the_question_resumes_nothing(client_of_chief, paused):
    page = text_of(client_of_chief.get(RESUME))
    assert "Resume once that is mended." in page
    assert 'value="Resume: Text"' in page
    assert switches.read().paused_since("sms") is not None


def test_resumed_what_waited_goes_and_the_trail_says_by_whom(
    client_of_chief, chief, paused, carrier
):
    page = text_of(client_of_chief.post(RESUME, follow=True))
    assert "It is resumed: what waited goes now." in page
    assert banner_on(client_of_chief) == ""
    run()
    paused.refresh_from_db()
    assert paused.status == DeliveryStatus.ACCEPTED
    row = AuditEvent.objects.filter(action=AuditAction.SWITCH).order_by("at").last()
    assert (row.actor, row.details) == (f"user:{chief.pk}", {"switch": "sms", "change": "on"})


def test_resumed_too_early_the_next_text_pauses_it_again(client_of_chief, paused, carrier):
    client_of_chief.post(RESUME)
    carrier.answers = [NO_LOGIN]
    run()
    assert "Text: nothing is sent." in banner_on(client_of_chief)
    paused.refresh_from_db()
    assert paused.status == DeliveryStatus.PLANNED


def test_a_second_press_changes_nothing_and_says_so(client_of_chief, paused):
    client_of_chief.post(RESUME)
    assert "It was not paused any more." in text_of(client_of_chief.post(RESUME, follow=True))
    assert "It is not paused." in text_of(client_of_chief.get(RESUME))
    assert AuditEvent.objects.filter(action=AuditAction.SWITCH).count() == 2


def test_a_channel_that_never_stood_still_is_not_found(client_of_chief):
    assert client_of_chief.get("/admin/notifications/switch/fax/resume/").status_code == 404


@pytest.mark.req("H-02")
def test_who_may_not_switch_sees_the_pause_without_a_button_and_is_refused(paused):
    looks = signed_in(clerk("view_switch", "view_delivery", "change_delivery"))
    said = banner_on(looks)
    assert "Text: nothing is sent." in said
    assert "Tell whoever runs the system." in said
    assert RESUME not in said
    assert RESUME not in text_of(looks.get("/admin/notifications/switch/"))
    assert looks.get(RESUME).status_code == looks.post(RESUME).status_code == 403
    assert switches.read().paused_since("sms") is not None


def test_who_may_switch_and_nothing_else_can(paused):
    operator = signed_in(clerk("change_switch"))
    assert operator.post(RESUME, follow=True).status_code == 200
    assert switches.read().paused_since("sms") is None


@pytest.mark.req("H-02")
@pytest.mark.req("P-01")
def test_neither_patient_nor_a_stranger_resumes_anything(
    paused, ben, ana_client, ben_client, client
):
    phone_of(ben, BENS_NUMBER)
    for who in (ana_client, ben_client):
        assert who.post(RESUME, follow=True).status_code == 403
    assert "/accounts/login/" in client.post(RESUME, follow=True).redirect_chain[-1][0]
    assert switches.read().paused_since("sms") is not None


def test_a_page_of_somebody_elses_cannot_press_it(chief, paused):
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(chief, backend="django.contrib.auth.backends.ModelBackend")
    assert forged.post(RESUME).status_code == 403
    assert switches.read().paused_since("sms") is not None


# -- the list -----------------------------------------------------------------------------------


def test_the_list_says_what_stands_still_and_is_read_only(client_of_chief, paused):
    switches.hold(actor="system:hold", why="a test")
    page = text_of(client_of_chief.get("/admin/notifications/switch/"))
    for said in ("All messages", "Held", "manage.py release", "Text", "Paused", RESUME, "20003"):
        assert said in page
    for view in ("add", "delete"):
        args = [] if view == "add" else ["sms"]
        path = reverse(f"admin:notifications_switch_{view}", args=args)
        assert client_of_chief.post(path, {"post": "yes"}).status_code == 403
    change = reverse("admin:notifications_switch_change", args=["sms"])
    assert client_of_chief.get(change).status_code == 200
    assert client_of_chief.post(change, {"why": "x"}).status_code == 403
