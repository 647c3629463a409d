"""One thing done with several messages of the centre, and how often its pages ask the database."""

from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications import clock
from notifications.enums import PatientNotificationType
from notifications.models import PatientNotification
from notifications.services import patient_notification_service as service
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from tests.clinic import a_visit, wall
from tests.pages import HTMX, act, badge_in, child_of, inbox, shown_ids, tell, text_of, unread

CENTRE = "/notifications/"


def press(client, action, messages, *, as_fragment=True, **data):
    """Press a button of the bar under the list."""
    form = {"chosen": [str(each.pk) for each in messages], "up_to": "99", **data}
    headers = HTMX if as_fragment else {}
    return client.post(f"/notifications/bulk/{action}/", form, headers=headers)


def undo_of(page: str) -> str:
    return page.split('formaction="')[1].split('"')[0]


def chosen_in(page: str) -> list[str]:
    """Return the ids Undo would be about."""
    return [part.split('"')[0] for part in page.split('name="chosen" value="')[1:]]


def test_chosen_messages_become_tombstones_under_one_undo(ana_client, ana):
    one, two, three = tell(ana, "One", "Two", "Three")
    act(ana_client, one, "archive")
    answer = press(ana_client, "archive", [one, three])
    said = text_of(answer)
    assert "<html" not in said
    assert badge_in(answer) == 1
    assert said.count('class="tomb"') == 2
    assert "<span>1 archived</span>" in said
    assert 'hx-swap-oob="innerHTML:#status">1 archived<' in said
    assert undo_of(said) == "/notifications/bulk/restore/"
    assert chosen_in(said) == [str(three.pk)]  # the other was there before

    back = press(ana_client, "restore", [three], undo="1")
    assert shown_ids(back) == [str(three.pk)]
    assert "Mark 2 as read" in text_of(back)
    assert inbox(ana) == [three.pk, two.pk]


def test_moving_to_the_inbox_can_be_taken_back_to_where_they_were(ana_client, ana):
    messages = tell(ana, "One", "Two")
    press(ana_client, "dismiss", messages)
    page = text_of(ana_client.get(f"{CENTRE}?view=dismissed"))
    assert "/notifications/bulk/restore/" in page
    assert "/notifications/bulk/archive/" not in page
    moved = text_of(press(ana_client, "restore", messages, view="dismissed"))
    assert "2 moved to inbox" in moved
    assert undo_of(moved) == "/notifications/bulk/dismiss/"


def test_a_press_that_changes_nothing_says_so_and_offers_no_undo(ana_client, ana):
    messages = tell(ana, "One")
    press(ana_client, "read", messages)
    again = text_of(press(ana_client, "read", messages))
    assert "Nothing had to be changed" in again
    assert ">Undo" not in again
    assert "data-dm-focus" in again


def test_without_script_undo_has_its_messages_in_its_address(ana_client, ana):
    one, two = tell(ana, "One", "Two")
    service.mark_read(patient_id=ana.pk, notification_id=one.pk)
    answer = press(ana_client, "read", [one, two], as_fragment=False, next=CENTRE)
    assert (answer.status_code, answer["Location"]) == (303, CENTRE)
    page = text_of(ana_client.get(CENTRE))
    assert "1 marked as read" in page
    ana_client.post(unescape(page.split('class="flash"')[1].split('action="')[1].split('"')[0]))
    assert unread(ana) == 1
    assert service.get(patient_id=ana.pk, notification_id=one.pk).read_at


@pytest.mark.req("P-01")
def test_anothers_message_among_mine_is_a_404_and_nothing_changes(ana_client, ana, ben):
    mine, theirs = tell(ana, "Mine")[0], tell(ben, "Theirs")[0]
    unknown = PatientNotification(pk=uuid4())
    for headers_too in (True, False):
        for strange in (theirs, unknown):
            answer = press(ana_client, "archive", [mine, strange], as_fragment=headers_too)
            assert answer.status_code == 404
    assert ana_client.post("/notifications/bulk/read/", {"chosen": "1"}).status_code == 404
    assert press(ana_client, "archive", [mine], patient=str(ben.pk)).status_code == 200
    assert (inbox(ana), inbox(ben)) == ([], [theirs.pk])


def test_nothing_chosen_and_what_is_no_action_are_refused_in_words(ana_client, ana):
    assert "Choose 1 to 100 messages." in text_of(press(ana_client, "read", []))
    assert press(ana_client, "confirm", tell(ana, "One")).status_code == 422
    assert ana_client.get("/notifications/bulk/read/").status_code == 405


def test_a_guardian_chooses_among_a_childs_messages(ana_client, ana):
    sam = child_of(ana)
    message = tell(sam, "For Sam")[0]
    path = f"/for/{sam.pk}/notifications/bulk/archive/"
    assert path in text_of(ana_client.get(f"/for/{sam.pk}{CENTRE}"))
    ana_client.post(path, {"chosen": str(message.pk)})
    assert inbox(sam, status="archived") == [message.pk]
    assert press(ana_client, "archive", [message]).status_code == 404


def test_lists_and_popover_note_what_was_seen_and_fetching_ahead_does_not(ana_client, ana, ben):
    def seen(message) -> bool:
        message.refresh_from_db()
        return message.seen_at is not None

    tell(ana, *["Newer"] * 20)
    first = PatientNotification.objects.filter(patient=ana).earliest("seq")
    theirs = tell(ben, "Theirs")[0]
    tell(ana, "Newest")
    ana_client.get("/notifications/popover/", headers={"Sec-Purpose": "prefetch"})
    ana_client.get("/notifications/sync/?since=0&up_to=0")
    assert not PatientNotification.objects.exclude(seen_at=None).exists()
    ana_client.get("/notifications/popover/")
    assert PatientNotification.objects.exclude(seen_at=None).count() == 5
    ana_client.get(CENTRE)
    assert not seen(first)
    ana_client.get(f"{CENTRE}?before={first.seq + 1}", headers=HTMX)
    assert seen(first)
    assert not seen(theirs)
    assert unread(ana) == 21


@pytest.mark.usefixtures("ana_email")
def test_pages_ask_the_database_as_often_for_many_mixed_messages_as_for_few(
    ana_client, ana, location, provider
):
    paths = [CENTRE, f"{CENTRE}?view=snoozed", "/notifications/popover/", "/notifications/sent/"]

    def queries() -> list[int]:
        for path in paths:
            ana_client.get(path)  # what is new is noted as seen once
        return [asked(ana_client, path) for path in paths]

    def remind() -> PatientNotification:
        visit = a_visit(ana, wall("2030-03-04 09:30"), location=location, provider=provider)
        payload = AppointmentReminderPayload(**visit_fields(visit), asks_to_confirm=True)
        return service.create_notification(
            patient_id=ana.pk, payload=payload, subject=visit.subject
        )

    def snooze(message) -> None:
        act(ana_client, message, "snooze", until=(clock.now() + timedelta(minutes=9)).isoformat())

    def tell_of_many_kinds() -> None:
        snooze(remind())
        remind()
        for each in PatientNotificationType.classes()[::3]:
            made, _other = [
                service.create_notification(patient_id=ana.pk, payload=each.example()) for _ in "ab"
            ]
            snooze(made)

    tell_of_many_kinds()  # whether they still ask is one question a type
    few = queries()
    tell_of_many_kinds()
    assert queries() == few
    assert max(few) <= 20


def asked(client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return len(captured)
