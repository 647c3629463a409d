"""The HTTP contract: what a client of /api/patient-notifications may count on."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifications import realtime
from portal.notification_types.system_alert import SystemAlertPayload
from tests.contract import HOME, assert_problem, post_json, send

pytestmark = pytest.mark.django_db

NINE_KEYS = [
    "id",
    "type",
    "title",
    "message",
    "created_at",
    "is_read",
    "priority",
    "action_url",
    "metadata",
]


def ids(response):
    return [row["id"] for row in response.json()]


def next_page(response):
    """Follow the Link header the way a client does."""
    return re.fullmatch(r'<http://testserver(.+)>; rel="next"', response.headers["Link"])[1]


# -- the list -----------------------------------------------------------------------------------


def test_ana_gets_a_json_array_of_her_own_newest_first(ana, ben, ana_client):
    first, second = send(ana), send(ana)
    send(ben)
    response = ana_client.get(HOME)
    assert response.headers["Content-Type"] == "application/json"
    assert ids(response) == [str(second.pk), str(first.pk)]


def test_a_notification_starts_with_the_nine_keys_of_the_contract(ana, ana_client):
    made = send(ana, priority="urgent")
    (shown,) = ana_client.get(HOME).json()
    assert list(shown)[:9] == NINE_KEYS
    assert shown["type"] == "lab_results"
    assert shown["message"] == made.message
    assert shown["priority"] == "urgent"
    assert shown["is_read"] is False
    assert shown["metadata"]["provider_name"] == "Dr. Lee"
    assert shown["created_at"].endswith("Z")


def test_only_listed_facts_of_a_payload_are_metadata(ana, ana_client):
    send(ana)
    (shown,) = ana_client.get(HOME).json()
    assert shown["metadata"].keys() == {"result_id", "provider_name"}
    assert "payload" not in shown


def test_what_was_put_away_is_shown_only_when_asked_for(ana, ana_client):
    inbox, dismissed, archived, snoozed = (send(ana) for _ in range(4))
    ana_client.post(f"{HOME}/{dismissed.pk}/dismiss")
    ana_client.post(f"{HOME}/{archived.pk}/archive")
    until = (timezone.now() + timedelta(hours=3)).isoformat()
    ana_client.post(f"{HOME}/{snoozed.pk}/snooze", {"until": until}, "application/json")
    assert ids(ana_client.get(HOME)) == [str(inbox.pk)]
    for status, row in (("dismissed", dismissed), ("archived", archived), ("snoozed", snoozed)):
        shown = ana_client.get(HOME, {"status": status})
        assert ids(shown) == [str(row.pk)]
        assert shown.json()[0]["status"] == status
    assert len(ids(ana_client.get(HOME, {"status": "all"}))) == 4


def test_unread_only_leaves_out_what_was_read(ana, ana_client):
    read, unread = send(ana), send(ana)
    ana_client.post(f"{HOME}/{read.pk}/read")
    assert ids(ana_client.get(HOME, {"unread_only": "true"})) == [str(unread.pk)]
    assert len(ids(ana_client.get(HOME, {"unread_only": "false"}))) == 2


def test_a_list_can_be_narrowed_to_a_type_or_a_category(ana, ana_client):
    result, alert = send(ana), send(ana, SystemAlertPayload.example())
    assert ids(ana_client.get(HOME, {"type": "lab_results"})) == [str(result.pk)]
    assert ids(ana_client.get(HOME, {"category": "account"})) == [str(alert.pk)]


@pytest.mark.parametrize(
    ("field", "known"),
    [
        ("status", "inbox, archived, dismissed, snoozed, all"),
        ("type", "lab_results"),
        ("category", "billing"),
    ],
)
def test_an_unknown_filter_value_is_refused_and_the_known_ones_are_named(ana_client, field, known):
    body = assert_problem(ana_client.get(HOME, {field: "nonsense"}), 400, field)
    assert known in body["errors"][field][0]


@pytest.mark.parametrize("field", ["type", "category", "before"])
def test_a_filter_left_empty_is_no_filter(ana, ana_client, field):
    made = send(ana)
    assert ids(ana_client.get(HOME, {field: ""})) == [str(made.pk)]


@pytest.mark.parametrize("limit", ["", "101", "0", "-1", "many", "9" * 30])
def test_a_limit_outside_one_to_a_hundred_is_refused(ana_client, limit):
    assert_problem(ana_client.get(HOME, {"limit": limit}), 400, "limit")


def test_fifty_come_at_a_time_unless_asked_for_up_to_a_hundred(ana, ana_client):
    for _ in range(51):
        send(ana)
    assert len(ids(ana_client.get(HOME))) == 50
    assert len(ids(ana_client.get(HOME, {"limit": 100}))) == 51


def test_an_offset_is_refused_and_the_cursor_is_named(ana_client):
    body = assert_problem(ana_client.get(HOME, {"offset": "20"}), 400, "offset")
    assert "before" in body["detail"]


@pytest.mark.parametrize("name", ["ordering", "order_by", "patient__username", "q"])
def test_a_filter_nobody_knows_is_refused(ana_client, name):
    assert_problem(ana_client.get(HOME, {name: "x"}), 400, name)


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 40, "１２"])
def test_a_cursor_that_is_none_is_refused(ana_client, cursor):
    assert_problem(ana_client.get(HOME, {"before": cursor}), 400, "before")


def test_the_link_header_leads_through_all_pages_and_then_ends(ana, ana_client):
    made = [str(send(ana).pk) for _ in range(5)]
    page = ana_client.get(HOME, {"limit": 2, "type": "lab_results"})
    seen = ids(page)
    send(ana)  # what arrives meanwhile shifts nothing
    while "Link" in page.headers:
        page = ana_client.get(next_page(page))
        seen += ids(page)
    assert seen == made[::-1]


def test_the_list_says_how_many_are_unread_and_where_the_inbox_stands(ana, ana_client):
    read = send(ana)
    send(ana)
    ana_client.post(f"{HOME}/{read.pk}/read")
    headers = ana_client.get(HOME).headers
    assert (headers["X-Unread-Count"], headers["X-Inbox-Seq"]) == ("1", "3")


def test_the_position_was_read_before_the_list(ana, ana_client, monkeypatch):
    """A client that connects with `since` may see a row twice, but never miss one."""
    send(ana)
    take_position = realtime.position

    def and_then_something_arrives(*, patient_id):
        position = take_position(patient_id=patient_id)
        send(ana)
        return position

    monkeypatch.setattr(realtime, "position", and_then_something_arrives)
    response = ana_client.get(HOME)
    assert response.headers["X-Inbox-Seq"] == "1"
    assert len(ids(response)) == 2


def test_an_empty_inbox_is_an_empty_array_at_position_zero(ana_client):
    response = ana_client.get(HOME)
    assert response.json() == []
    assert (response.headers["X-Unread-Count"], response.headers["X-Inbox-Seq"]) == ("0", "0")


def test_no_cache_keeps_any_answer(ana, ana_client, client):
    for response in (ana_client.get(HOME), ana_client.get(f"{HOME}/nowhere"), client.get(HOME)):
        assert response.headers["Cache-Control"] == "no-store"


def test_a_longer_list_takes_no_more_queries(ana, ana_client):
    send(ana)
    with CaptureQueriesContext(connection) as of_one:
        ana_client.get(HOME)
    for _ in range(20):
        send(ana)
    with CaptureQueriesContext(connection) as of_many:
        assert len(ids(ana_client.get(HOME))) == 21
    assert len(of_many) == len(of_one)


# -- one notification ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "shows"),
    [
        ("read", {"is_read": True, "status": "inbox"}),
        ("unread", {"is_read": False, "status": "inbox"}),
        ("dismiss", {"is_read": False, "status": "dismissed"}),
        ("archive", {"is_read": False, "status": "archived"}),
        ("restore", {"is_read": False, "status": "inbox"}),
    ],
)
def test_a_change_answers_with_the_notification_however_often(ana, ana_client, verb, shows):
    made = send(ana)
    first = ana_client.post(f"{HOME}/{made.pk}/{verb}")
    again = ana_client.post(f"{HOME}/{made.pk}/{verb}")
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert list(first.json())[:9] == NINE_KEYS
    assert first.json().items() >= shows.items()


def test_undo_over_the_api_brings_a_message_back_as_it_was(ana, ana_client):
    made = send(ana)
    ana_client.post(f"{HOME}/{made.pk}/read")
    for verb in ("dismiss", "archive"):
        ana_client.post(f"{HOME}/{made.pk}/{verb}")
        assert ids(ana_client.get(HOME)) == []
        back = ana_client.post(f"{HOME}/{made.pk}/restore").json()
        assert (back["status"], back["is_read"]) == ("inbox", True)
    assert ana_client.post(f"{HOME}/{made.pk}/unread").json()["is_read"] is False
    assert ana_client.get(HOME).headers["X-Unread-Count"] == "1"


def test_a_snoozed_message_says_until_when_and_is_not_counted(ana, ana_client):
    made = send(ana)
    until = "2099-01-02T08:00:00-05:00"
    shown = ana_client.post(f"{HOME}/{made.pk}/snooze", {"until": until}, "application/json")
    assert shown.json()["snoozed_until"] == "2099-01-02T13:00:00.000000Z"
    assert ana_client.get(HOME).headers["X-Unread-Count"] == "0"
    assert ana_client.post(f"{HOME}/{made.pk}/restore").json()["status"] == "inbox"


@pytest.mark.parametrize(
    "until",
    [
        "2099-01-02T08:00:00",  # no zone: it could be meant anywhere
        "2001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "soon",
        None,
        5,
    ],
)
def test_a_snooze_to_no_sensible_moment_is_refused(ana, ana_client, until):
    made = send(ana)
    path = f"{HOME}/{made.pk}/snooze"
    assert_problem(ana_client.post(path, {"until": until}, "application/json"), 400, "until")
    assert_problem(ana_client.post(path, {}, "application/json"), 400, "until")


# -- read all -----------------------------------------------------------------------------------


def test_read_all_says_how_many_and_can_be_taken_back(ana, ben, ana_client, ben_client):
    for patient in (ana, ana, ben):
        send(patient)
    answer = ana_client.post(f"{HOME}/read-all").json()
    assert list(answer) == ["status", "count", "undo"]
    assert answer["count"] == 2
    assert ben_client.get(HOME).headers["X-Unread-Count"] == "1"
    undo = f"{HOME}/read-all/{answer['undo']}/undo"
    assert ben_client.post(undo).json()["count"] == 0
    assert ana_client.post(undo).json() == {"status": "success", "count": 2}
    assert ana_client.post(undo).json()["count"] == 0
    assert ana_client.get(HOME).headers["X-Unread-Count"] == "2"


def test_read_all_with_nothing_unread_has_nothing_to_take_back(ana_client):
    assert ana_client.post(f"{HOME}/read-all").json() == {
        "status": "success",
        "count": 0,
        "undo": None,
    }


def test_what_landed_after_the_page_was_drawn_stays_unread(ana, ana_client):
    shown = send(ana)
    landed = send(ana)
    answer = post_json(ana_client, f"{HOME}/read-all", {"up_to": shown.seq})
    assert answer.json()["count"] == 1
    assert ids(ana_client.get(HOME, {"unread_only": "true"})) == [str(landed.pk)]


def test_read_all_keeps_to_the_filter_shown(ana, ana_client):
    send(ana)
    alert = send(ana, SystemAlertPayload.example())
    assert post_json(ana_client, f"{HOME}/read-all", {"type": "lab_results"}).json()["count"] == 1
    assert ids(ana_client.get(HOME, {"unread_only": "true"})) == [str(alert.pk)]
    assert post_json(ana_client, f"{HOME}/read-all", {"category": "account"}).json()["count"] == 1


@pytest.mark.parametrize(
    "asked",
    [{"up_to": "x"}, {"up_to": True}, {"up_to": 10**30}, {"type": "x"}, {"patient": "x"}],
)
def test_read_all_refuses_what_it_does_not_understand(ana, ana_client, asked):
    send(ana)
    assert_problem(post_json(ana_client, f"{HOME}/read-all", asked), 400, *asked)
    assert ana_client.get(HOME).headers["X-Unread-Count"] == "1"
