"""The centre without a browser: what each answer holds, whole page and fragment."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from notifications import clock
from notifications.services import patient_notification_service as service
from tests.clinic import a_visit, wall
from tests.conftest import signed_in
from tests.pages import (
    HTMX,
    act,
    badge_in,
    inbox,
    shown_ids,
    tell,
    text_of,
    title_of,
    unread,
    warn,
)

CENTRE = "/notifications/"


def test_views_hold_what_their_names_say(ana_client, ana, ben):
    kept, read, archived, dismissed, snoozed = tell(ana, "a", "b", "c", "d", "e")
    tell(ben, "Ben's")
    act(ana_client, read, "read")
    act(ana_client, archived, "archive")
    act(ana_client, dismissed, "dismiss")
    tomorrow = timezone.now() + timedelta(days=1)
    act(ana_client, snoozed, "snooze", until=tomorrow.isoformat())
    expected = {
        "": [read, kept],
        "?view=unread": [kept],
        "?view=archived": [archived],
        "?view=dismissed": [dismissed],
        "?view=snoozed": [snoozed],
    }
    for query, messages in expected.items():
        assert shown_ids(ana_client.get(CENTRE + query)) == [str(each.pk) for each in messages]
    assert badge_in(ana_client.get(CENTRE)) == 1


def test_unknown_view_or_cursor_is_refused_in_words(ana_client):
    for query in ("?view=secret", "?category=none", "?before=abc"):
        answer = ana_client.get(CENTRE + query)
        assert answer.status_code == 400
        assert "This is not possible" in text_of(answer)


def test_a_zone_that_is_called_by_its_hours_shows_every_page(ana_client, ana):
    """Some devices name theirs so. Its clock says "-05", and that is no zone's name."""
    ana.zone = "Etc/GMT+5"
    ana.save()
    [message] = tell(ana, "Hello")
    for path in (CENTRE, f"{CENTRE}{message.pk}/", reverse("preview")):
        assert ana_client.get(path).status_code == 200, path


def test_days_are_those_of_the_patients_zone(ana_client, ana):
    ana.zone = "Pacific/Auckland"
    ana.save()
    with clock.at(wall("2026-11-20 23:30", "Pacific/Auckland")):
        tell(ana, "Late on Friday")
    with clock.at(wall("2026-11-21 00:30", "Pacific/Auckland")):
        tell(ana, "Early on Saturday")
        page = text_of(ana_client.get(CENTRE))
    assert page.index("Today") < page.index("Yesterday")
    assert "12:30 AM NZDT" in page


def test_load_more_goes_on_where_the_page_ended(ana_client, ana):
    messages = tell(ana, *[f"Message {n}" for n in range(23)])
    newest_first = [str(each.pk) for each in reversed(messages)]
    page = ana_client.get(CENTRE)
    assert shown_ids(page) == newest_first[:20]
    cursor = text_of(page).split("before=")[1].split('"')[0]
    tell(ana, "Arrives meanwhile")
    rest = ana_client.get(f"{CENTRE}?before={cursor}", headers=HTMX)
    assert shown_ids(rest) == newest_first[20:]
    assert "<html" not in text_of(rest)
    assert "3 more loaded" in text_of(rest)
    assert "Load 20 more" not in text_of(rest)


@pytest.mark.req("P-13")
def test_opening_reads_and_looking_does_not(ana_client, ana):
    message = tell(ana, "Hello")[0]
    for path in (CENTRE, "/", "/notifications/popover/", "/notifications/sync/?since=0&up_to=0"):
        ana_client.get(path)
    assert unread(ana) == 1
    ana_client.get(f"{CENTRE}{message.pk}/", headers={"Sec-Purpose": "prefetch;prerender"})
    assert unread(ana) == 1
    page = ana_client.get(f"{CENTRE}{message.pk}/")
    assert unread(ana) == 0
    assert badge_in(page) == 0
    assert "Hello" in text_of(page)


@pytest.mark.parametrize(
    ("action", "inverse"),
    [("read", "unread"), ("archive", "restore"), ("dismiss", "restore")],
)
def test_each_change_has_a_way_back_and_happens_once(ana_client, ana, action, inverse):
    message = tell(ana, "Hello")[0]
    first = act(ana_client, message, action, next=CENTRE)
    again = act(ana_client, message, action, next=CENTRE)
    assert first.status_code == again.status_code == 303
    assert first["Location"] == CENTRE
    page = text_of(ana_client.get(CENTRE))
    assert f'action="/notifications/{message.pk}/{inverse}/"' in page
    act(ana_client, message, inverse)
    assert inbox(ana) == [message.pk]
    assert unread(ana) == 1


@pytest.mark.req("P-12")
def test_fragment_of_a_change_carries_badge_status_and_toolbar(ana_client, ana):
    first, second = tell(ana, "One", "Two")
    answer = act(
        ana_client, first, "archive", as_fragment=True, list="n", view="", up_to=str(second.seq)
    )
    said = text_of(answer)
    assert answer.status_code == 200
    assert "<html" not in said
    assert badge_in(answer) == 1
    assert "Archived" in said
    assert 'hx-swap-oob="innerHTML:#status"' in said
    assert "Mark 1 as read" in said
    assert 'name="undo"' in said
    assert "HX-Request" in answer["Vary"]
    assert answer["Cache-Control"] == "no-store"


def test_undo_of_a_move_to_the_inbox_takes_it_back_where_it_was(ana_client, ana):
    message = tell(ana, "Hello")[0]
    act(ana_client, message, "dismiss")
    moved = act(ana_client, message, "restore", as_fragment=True, list="n", came_by="dismiss")
    assert f"/notifications/{message.pk}/dismiss/" in text_of(moved)


@pytest.mark.req("P-14")
def test_mark_all_covers_its_filter_up_to_what_was_shown(ana_client, ana, ben):
    shown = tell(ana, "One", "Two")
    warn(ana)
    tell(ben, "Ben's")
    page = text_of(ana_client.get(f"{CENTRE}?category=clinical"))
    assert "Mark 2 as read" in page
    up_to = page.split('name="up_to" value="')[1].split('"')[0]
    later = tell(ana, "Later")[0]
    form = {"category": "clinical", "up_to": up_to, "row": [str(each.pk) for each in shown]}
    answer = ana_client.post("/notifications/read-all/", form, headers=HTMX)
    assert "2 marked as read" in text_of(answer)
    assert len(shown_ids(answer)) == 2
    assert unread(ana) == 2
    assert unread(ben) == 1
    later.refresh_from_db()
    assert later.read_at is None


def test_empty_lists_each_have_a_sentence_and_a_link(ana_client):
    sentences = {
        "": "No messages yet.",
        "?view=unread": "all caught up",
        "?view=archived": "Nothing archived.",
        "?view=dismissed": "Nothing dismissed.",
        "?view=snoozed": "Nothing snoozed.",
        "?category=billing": "No billing messages.",
    }
    for query, sentence in sentences.items():
        page = text_of(ana_client.get(CENTRE + query))
        assert sentence in page
        assert 'id="empty"' in page


@pytest.mark.req("P-02")
def test_no_title_names_a_person_or_says_what_a_message_says(ana_client, ana, location, provider):
    a_visit(ana, wall("2030-03-04 09:30"), location=location, provider=provider)
    message = tell(ana, "Root canal")[0]
    paths = ["/", "/visits/", CENTRE, f"{CENTRE}{message.pk}/", "/notifications/settings/"]
    titles = {title_of(ana_client.get(path)) for path in paths}
    assert titles == {
        "Home · DentaMind",
        "Visits · DentaMind",
        "Notifications · DentaMind",
        "Message · DentaMind",
        "Notification settings · DentaMind",
    }


@pytest.mark.req("S-08")
@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ settings.SECRET_KEY }}"],
)
def test_what_somebody_typed_is_shown_as_typed(ana_client, ana, text):
    ana.first_name = text[:60]
    ana.save()
    message = tell(ana, text)[0]
    paths = ["/", CENTRE, f"{CENTRE}{message.pk}/", "/notifications/popover/"]
    for page in [text_of(ana_client.get(path)) for path in paths]:
        assert "<script>alert" not in page
        assert "<img" not in page
    tomb = act(ana_client, message, "archive", as_fragment=True, list="n")
    assert "<script>alert" not in text_of(tomb)


@pytest.mark.req("S-09")
@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "x"],
)
def test_forms_lead_back_to_our_own_pages_only(ana_client, ana, target):
    message = tell(ana, "Hello")[0]
    answer = act(ana_client, message, "read", next=target)
    assert answer["Location"] == CENTRE


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [("/visits/\nX-Evil: 1", CENTRE), ("/a\rb", CENTRE), ("/café/?q=1&b=2", "/caf%C3%A9/?q=1&b=2")],
)
def test_an_odd_way_back_breaks_nothing(ana_client, ana, target, leads_to):
    answer = act(ana_client, tell(ana, "Hello")[0], "read", next=target)
    assert (answer.status_code, answer["Location"]) == (303, leads_to)


@pytest.mark.parametrize(
    "far",
    [
        {"until": "9999-12-31T23:00:00-12:00"},
        {"until": "0001-01-01T00:00:00+14:00"},
        {"day": "9999-12-31"},
        {"day": "0001-01-01"},
    ],
)
def test_snooze_to_the_ends_of_the_calendar_is_refused_in_words(ana_client, ana, far):
    message = tell(ana, "Hello")[0]
    refused = act(ana_client, message, "snooze", as_fragment=True, list="n", **far)
    assert refused.status_code == 422
    assert inbox(ana, status="snoozed") == []


def test_an_old_message_that_its_type_no_longer_reads_is_still_shown(ana_client, ana, note):
    message = service.create_notification(patient_id=ana.pk, payload=note.example())
    message.payload = message.payload | {"good_until": "whenever"}
    message.save()
    for path in ("/", CENTRE, f"{CENTRE}{message.pk}/", "/notifications/popover/"):
        assert ana_client.get(path).status_code == 200


def test_snooze_takes_a_moment_or_a_day_and_nothing_past_the_time_to_act(ana_client, ana):
    message = tell(ana, "Hello")[0]
    day = (timezone.localdate() + timedelta(days=3)).isoformat()
    answer = act(ana_client, message, "snooze", as_fragment=True, list="n", day=day)
    assert "We&#x27;ll remind you" in text_of(answer)
    assert inbox(ana, status="snoozed") == [message.pk]
    act(ana_client, message, "restore")
    for bad in ({}, {"day": "soon"}, {"until": "2030-01-01T08:00"}, {"day": "2001-01-01"}):
        refused = act(ana_client, message, "snooze", as_fragment=True, list="n", **bad)
        assert refused.status_code == 422
        assert refused["HX-Reswap"] == "none"
    assert inbox(ana, status="snoozed") == []


def test_expired_message_says_so_and_offers_no_answer(ana_client, ana, location, provider):
    from portal.notification_types._visit import visit_fields
    from portal.notification_types.appointment_reminder import AppointmentReminderPayload

    visit = a_visit(ana, wall("2030-03-04 09:30"), location=location, provider=provider)
    payload = AppointmentReminderPayload(**visit_fields(visit), asks_to_confirm=True)
    service.create_notification(patient_id=ana.pk, payload=payload, subject=visit.subject)
    assert 'class="btn main"' in text_of(ana_client.get(CENTRE))
    with clock.at(wall("2030-03-04 09:15")):
        page = text_of(ana_client.get(CENTRE))
    assert "No longer current" in page
    assert "/confirm/" not in page


def test_a_message_about_a_confirmed_visit_asks_no_more(ana_client, ana, location, provider):
    from portal.notification_types._visit import visit_fields
    from portal.notification_types.appointment_reminder import AppointmentReminderPayload

    visit = a_visit(ana, wall("2030-03-04 09:30"), location=location, provider=provider)
    payload = AppointmentReminderPayload(**visit_fields(visit), asks_to_confirm=True)
    first, second = (
        service.create_notification(patient_id=ana.pk, payload=payload, subject=visit.subject)
        for _ in range(2)
    )
    answer = act(ana_client, first, "confirm")
    assert answer.status_code == 303
    page = text_of(ana_client.get(CENTRE))
    assert "Confirmed " in page
    assert f"{second.pk}/confirm/" not in page


def test_confirming_a_visit_from_the_home_page(ana_client, ana, location, provider):
    visit = a_visit(ana, wall("2030-03-04 09:30"), location=location, provider=provider)
    assert f"/visits/{visit.pk}/confirm/" in text_of(ana_client.get("/"))
    ana_client.post(f"/visits/{visit.pk}/confirm/", {"next": "/"})
    page = text_of(ana_client.get("/"))
    assert "You confirmed this visit" in page
    assert f"/visits/{visit.pk}/confirm/" not in page


def test_visits_are_shown_by_the_clock_of_their_place(ana_client, ana, location, provider):
    location.zone = "America/Denver"
    location.save()
    start = wall("2030-03-04 09:30", "America/Denver")
    a_visit(ana, start, location=location, provider=provider)
    assert "Mon, Mar 4, 2030 at 9:30 AM MST" in text_of(ana_client.get("/visits/"))


@pytest.mark.req("P-27")
@pytest.mark.parametrize(("count", "badge"), [(1, "1"), (99, "99"), (100, "99+")])
def test_badge_is_short_and_its_name_true(ana_client, ana, count, badge):
    tell(ana, *["More"] * count)
    page = text_of(ana_client.get("/visits/"))
    assert f'<span class="badge" aria-hidden="true">{badge}</span>' in page
    assert f"Notifications, {count} unread" in page


def test_message_page_says_what_happened_on_each_channel(ana_client, ana):
    message = tell(ana, "Hello")[0]
    page = text_of(ana_client.get(f"{CENTRE}{message.pk}/"))
    assert "What happened with this message" in page
    assert "In-app" in page
    assert "Email" in page
    assert "Why you got this: “Messages from your care team” is on." in page
    assert 'href="/notifications/settings/#type-message_from_provider"' in page


def test_a_message_that_is_not_there_leads_to_those_that_are(ana_client):
    answer = ana_client.get(f"{CENTRE}{uuid4()}/")
    assert answer.status_code == 404
    assert "This message is not here" in text_of(answer)
    assert f'class="btn" href="{CENTRE}">See all your messages' in text_of(answer)


def test_message_whose_time_has_passed_says_that_nothing_is_left_to_do(ana_client, ana):
    message = tell(ana, "Hello")[0]
    message.expires_at = timezone.now()
    message.save()
    page = text_of(ana_client.get(f"{CENTRE}{message.pk}/"))
    assert "No longer current" in page
    assert "there is nothing left to do here" in page


def test_the_centre_needs_the_same_queries_for_any_number_of_messages(
    ana, django_assert_max_num_queries
):
    client = signed_in(ana)
    tell(ana, "One")
    client.get(CENTRE)
    tell(ana, *["More"] * 19)
    with django_assert_max_num_queries(14):
        client.get(CENTRE)


def test_short_link_leads_through_sign_in_to_the_centre(client, ana_client):
    answer = client.get("/m")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/m"
    assert ana_client.get("/m")["Location"] == CENTRE
    assert reverse("short-link") == "/m"


@pytest.mark.req("P-14")
def test_marking_all_names_the_true_number_however_many_there_are(ana_client, ana):
    tell(ana, *[f"Message {n}" for n in range(103)])
    assert "Mark 103 as read" in text_of(ana_client.get(CENTRE))
