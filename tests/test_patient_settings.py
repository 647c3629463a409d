"""What a patient chose for all types together: a pause, quiet hours, a summary."""

import re
from datetime import time, timedelta

import pytest
from django.urls import reverse

from notifications import clock, preferences
from notifications.enums import Digest, Reason
from notifications.models import AuditEvent, Delivery, PatientSettings
from notifications.preferences import DEFAULTS, GeneralSettings
from notifications.services import patient_notification_service as service
from notifications.types import Refused
from portal.models import Guardianship, User
from portal.notification_types.system_alert import SystemAlertPayload
from tests.clinic import DESK, wall
from tests.conftest import signed_in
from tests.engine import NOON, email_of, phone_of, run, send, send_at, status_of
from tests.pages import HTMX, text_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NIGHT = wall("2026-11-24 22:00")


def choose(patient, **changes) -> GeneralSettings:
    return preferences.change_settings(patient_id=patient.pk, changes=changes, actor=DESK)


def chosen(patient) -> GeneralSettings:
    return preferences.settings_of(patient_id=patient.pk)


@pytest.fixture
def reachable(ana, note, carrier, noon):
    email_of(ana)
    phone_of(ana)
    return ana


# -- keeping it ---------------------------------------------------------------------------------


def test_who_chose_nothing_has_the_defaults_and_no_row(ana):
    assert chosen(ana) == DEFAULTS
    assert (DEFAULTS.quiet_from, DEFAULTS.quiet_until) == (time(21), time(8))
    choose(ana, quiet_from=time(21))
    assert not PatientSettings.objects.exists()


def test_what_is_chosen_is_kept_audited_and_another_patients_stays(ana, ben, noon):
    choose(ana, paused_until=NOON + DAY, digest="weekly")
    assert chosen(ana) == GeneralSettings(paused_until=NOON + DAY, digest=Digest.WEEKLY)
    assert chosen(ben) == DEFAULTS
    row = AuditEvent.objects.get(patient_id=ana.pk)
    assert (row.action, row.actor, row.details["digest"]) == ("preference", DESK, "weekly")
    choose(ana, digest="weekly")  # once more: nothing changed
    assert AuditEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"paused_until": NOON}, "paused_until"),
        ({"paused_until": NOON + 367 * DAY}, "paused_until"),
        ({"quiet_from": None}, "quiet_from"),
        ({"quiet_until": None}, "quiet_until"),
        ({"quiet_from": time(8), "quiet_until": time(21)}, "quiet_until"),
        ({"quiet_from": time(7), "quiet_until": time(6)}, "quiet_until"),
        ({"quiet_from": time(22), "quiet_until": time(22)}, "quiet_until"),
        ({"digest": "hourly"}, "digest"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_nothing_is_kept(ana, noon, changes, field):
    with pytest.raises(Refused) as refused:
        choose(ana, **changes)
    assert refused.value.field == field
    assert not PatientSettings.objects.exists()


def test_a_pause_that_is_over_stands_in_nobodys_way(ana):
    with clock.at(NOON):
        choose(ana, paused_until=NOON + DAY)
    with clock.at(NOON + 2 * DAY):
        choose(ana, digest="daily")
        choose(ana, paused_until=None)
    assert chosen(ana).paused_until is None


# -- a pause ------------------------------------------------------------------------------------


def test_in_a_pause_a_message_is_shown_here_and_sent_nowhere(reachable):
    choose(reachable, paused_until=NOON + DAY)
    message = send(reachable)
    run()
    assert status_of(message, "email") == status_of(message, "sms") == ("skipped", Reason.PAUSED)
    assert [each.pk for each in service.inbox(patient_id=reachable.pk).items] == [message.pk]


def test_what_is_urgent_and_what_is_always_on_pass_a_pause(reachable):
    choose(reachable, paused_until=NOON + DAY)
    urgent, locked = (
        send(reachable, priority="urgent"),
        send(reachable, SystemAlertPayload.example()),
    )
    run()
    assert status_of(urgent, "sms")[0] == status_of(urgent, "email")[0] == "accepted"
    assert status_of(locked, "email")[0] == "accepted"


def test_after_the_pause_messages_go_again(reachable):
    choose(reachable, paused_until=NOON + DAY)
    message = send_at(NOON + DAY, reachable)
    assert status_of(message, "email")[0] == "accepted"


# -- quiet hours --------------------------------------------------------------------------------


@pytest.mark.req("P-20")
def test_a_patients_own_quiet_hours_hold_a_text_and_end_when_they_say(reachable):
    choose(reachable, quiet_from=time(11), quiet_until=time(14))
    message = send(reachable)
    run()
    assert status_of(message, "sms") == ("held", Reason.QUIET_HOURS)
    row = Delivery.objects.get(notification=message, channel="sms")
    assert row.due_at == wall("2026-11-24 14:00")
    choose(reachable, quiet_from=None, quiet_until=None)
    run()
    assert status_of(message, "sms")[0] == "accepted"


@pytest.mark.req("P-20")
def test_without_quiet_hours_there_is_still_no_text_at_night(reachable):
    choose(reachable, quiet_from=None, quiet_until=None)
    assert status_of(send_at(NIGHT, reachable), "sms") == ("held", Reason.TEXT_HOURS)


def test_settings_cost_one_query_for_any_number_of_patients(
    ana, ben, note, django_assert_num_queries
):
    choose(ana, digest="daily")
    with django_assert_num_queries(1):
        found = preferences.settings_of_all(patient_ids=[ana.pk, ben.pk])
    assert found == {ana.pk: GeneralSettings(digest=Digest.DAILY)}


# -- the page -----------------------------------------------------------------------------------


def shown(client) -> str:
    return text_of(client.get(reverse("settings")))


def test_a_patient_pauses_for_a_day_a_week_or_to_a_date_without_script(ana, ana_client, noon):
    for form, until in [
        ({"length": "day"}, NOON + DAY),
        ({"length": "week"}, NOON + 7 * DAY),
        ({"paused_until": "2026-12-01"}, wall("2026-12-01 00:00")),
    ]:
        assert ana_client.post(reverse("pause"), form).status_code == 303
        assert chosen(ana).paused_until == until
    assert "Messages are paused until Tue, Dec 1." in shown(ana_client)
    answer = ana_client.post(reverse("resume"), {"next": "/visits/"})
    assert answer["Location"] == "/visits/"
    page = text_of(ana_client.get("/visits/"))
    assert "Messages come again." in page and "Messages are paused" not in page
    assert chosen(ana).paused_until is None


def test_quiet_hours_and_a_summary_are_kept_without_script(ana, ana_client):
    ana_client.post(reverse("summary"), {"digest": "daily"})
    hours = {"is_on": "on", "quiet_from": "20:30", "quiet_until": "9:00"}
    ana_client.post(reverse("quiet"), hours)
    assert chosen(ana) == GeneralSettings(
        quiet_from=time(20, 30), quiet_until=time(9), digest=Digest.DAILY
    )
    page = shown(ana_client)
    assert '<option value="daily" selected>' in page
    assert "Held texts and pushes arrive at 9:00 AM" in page
    ana_client.post(reverse("quiet"), {"quiet_from": "", "quiet_until": "whatever"})
    assert chosen(ana).quiet_from is chosen(ana).quiet_until is None
    assert "No quiet hours" in shown(ana_client)


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("where", "wrong", "field", "said"),
    [
        ("quiet", {"quiet_from": "20:30"}, "quiet_until", "such as 9:00 PM"),
        ("quiet", {"quiet_from": "20:30", "quiet_until": "x"}, "quiet_until", "such as 9:00 PM"),
        ("quiet", {"quiet_from": "07:00", "quiet_until": "06:00"}, "quiet_until", "leave none"),
        ("summary", {"digest": "hourly"}, "digest", "from the list"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_nothing_typed_is_lost(
    ana, ana_client, headers, where, wrong, field, said
):
    answer = ana_client.post(reverse(where), {"is_on": "on"} | wrong, headers=headers)
    page = text_of(answer)
    assert answer.status_code == 422
    assert said in page
    control = re.search(rf'<(?:input|select)[^>]*name="{field}"[^>]*>', page).group()
    assert 'aria-invalid="true"' in control and f'aria-describedby="id_{field}_error"' in control
    assert all(f'value="{typed}"' in page for name, typed in wrong.items() if name != "digest")
    assert chosen(ana) == DEFAULTS


@pytest.mark.parametrize("day", ["2026-11-01", "2028-01-01", "soon", ""])
def test_a_pause_to_no_such_day_is_refused_beside_the_field(ana, ana_client, noon, day):
    answer = ana_client.post(reverse("pause"), {"paused_until": day})
    assert answer.status_code == 422
    assert 'id="id_paused_until_error"' in text_of(answer)
    assert f'value="{day}"' in text_of(answer) or not day
    assert chosen(ana) == DEFAULTS


def test_a_mother_chooses_for_her_child_and_a_stranger_does_not(ana, ben, location):
    child = User.objects.create_user(username="leo", first_name="Leo", home_location=location)
    Guardianship.objects.create(patient=child, guardian=ana, relation="mother")
    pages = f"/for/{child.pk}/notifications/settings"
    sheet = {"digest": "weekly", "length": "day"}
    for part in ("summary", "pause", "quiet"):
        assert signed_in(ben).post(f"{pages}/{part}/", sheet).status_code == 404
        assert signed_in(ana).post(f"{pages}/{part}/", sheet).status_code == 303
    assert (chosen(child).digest, chosen(ana).digest) == (Digest.WEEKLY, Digest.NONE)
    assert chosen(child).paused_until and chosen(ana) == DEFAULTS
