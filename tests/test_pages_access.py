"""Whose pages are whose: Ana never sees, counts or changes anything of Ben's."""

import re
from uuid import uuid4

import pytest
from django.urls import URLPattern, URLResolver

from notifications.enums import AuditAction
from notifications.models import AuditEvent
from portal import urls
from portal.models import Guardianship
from tests.clinic import a_visit, wall
from tests.conftest import signed_in
from tests.pages import HTMX, act, child_of, inbox, tell, text_of, unread

SECRET = "Impacted molar, lower left"
ACTIONS = ["read", "unread", "dismiss", "archive", "restore", "snooze", "confirm", "anything"]


@pytest.fixture
def bens(ben):
    return tell(ben, SECRET)[0]


def as_unknown(page: str, known, unknown) -> str:
    """Return a page's text with one id in the place of the other, and without its tokens."""
    lines = page.replace(str(known), str(unknown)).splitlines()
    return "\n".join(line for line in lines if "csrfmiddlewaretoken" not in line)


@pytest.mark.req("P-01")
@pytest.mark.req("S-01")
def test_anothers_message_answers_like_one_that_does_not_exist(ana_client, bens):
    unknown = uuid4()
    theirs = ana_client.get(f"/notifications/{bens.pk}/")
    nobodys = ana_client.get(f"/notifications/{unknown}/")
    assert theirs.status_code == nobodys.status_code == 404
    assert as_unknown(text_of(theirs), bens.pk, unknown) == as_unknown(
        text_of(nobodys), bens.pk, unknown
    )
    assert SECRET not in text_of(theirs)


@pytest.mark.req("P-01")
@pytest.mark.req("S-01")
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_nothing_can_be_done_with_anothers_message(ana_client, ben, bens, action, headers):
    path = f"/notifications/{bens.pk}/{action}/"
    answer = ana_client.post(path, {"until": "2030-01-01T08:00:00-05:00"}, headers=headers)
    assert answer.status_code == 404
    bens.refresh_from_db()
    marks = (bens.read_at, bens.dismissed_at, bens.archived_at, bens.snoozed_until, bens.acted_at)
    assert not any(marks)
    assert unread(ben) == 1


@pytest.mark.req("S-01")
def test_marking_all_and_its_undo_touch_ana_only(ana_client, ana, ben, bens):
    tell(ana, "Mine")
    ana_client.post("/notifications/read-all/", {"up_to": "99", "patient": str(ben.pk)})
    assert (unread(ana), unread(ben)) == (0, 1)
    bens_batch = signed_in(ben).post("/notifications/read-all/", {"up_to": "99"}, headers=HTMX)
    undo = text_of(bens_batch).split('formaction="')[1].split('"')[0]
    ana_client.post(undo)
    assert (unread(ana), unread(ben)) == (0, 0)


@pytest.mark.req("P-01")
@pytest.mark.parametrize(
    "page", ["", "visits/", "notifications/", "notifications/popover/", "notifications/settings/"]
)
def test_lists_and_fragments_hold_nothing_of_anothers(ana_client, ana, bens, page):
    tell(ana, "Mine alone")
    for headers in ({}, HTMX):
        answer = text_of(ana_client.get(f"/{page}?patient={bens.patient_id}", headers=headers))
        assert SECRET not in answer
        assert str(bens.pk) not in answer


@pytest.mark.req("P-01")
def test_sync_of_another_is_a_404_and_of_oneself_counts_oneself(ana_client, ben, bens):
    assert ana_client.get(f"/for/{ben.pk}/notifications/sync/").status_code == 404
    assert 'data-unread="0"' in text_of(ana_client.get("/notifications/sync/?since=0&up_to=0"))


@pytest.mark.req("S-01")
def test_anothers_visit_cannot_be_confirmed(ana_client, ben, location, provider):
    visit = a_visit(ben, wall("2030-03-04 09:30"), location=location, provider=provider)
    assert ana_client.post(f"/visits/{visit.pk}/confirm/").status_code == 404
    visit.refresh_from_db()
    assert visit.status == "booked"


@pytest.mark.req("S-01")
@pytest.mark.parametrize("job", ["", "code/", "verify/", "consent/", "remove/"])
def test_anothers_address_does_not_exist(ben_client, ana_email, job):
    path = f"/notifications/settings/contacts/{ana_email.pk}/{job}"
    answer = ben_client.get(path) if not job else ben_client.post(path, {"code": "123456"})
    assert answer.status_code == 404
    assert "a***@" not in text_of(answer)
    ana_email.refresh_from_db()
    assert ana_email.status == "active"


def test_guardian_acts_for_the_child_in_the_address(ana_client, ana):
    sam = child_of(ana)
    message = tell(sam, "Sam's message")[0]
    page = ana_client.get(f"/for/{sam.pk}/notifications/")
    assert "Viewing <strong>Sam</strong>" in text_of(page)
    assert "Sam&#x27;s message" in text_of(page)
    assert f'action="/for/{sam.pk}/notifications/{message.pk}/read/"' in text_of(page)

    ana_client.post(f"/for/{sam.pk}/notifications/{message.pk}/archive/")

    assert inbox(sam, status="archived") == [message.pk]
    assert act(ana_client, message, "archive").status_code == 404


@pytest.mark.parametrize(
    ("page", "data", "lands"),
    [
        ("notifications/bulk/read/", {}, ""),  # nothing is ticked: refused
        ("notifications/read-all/", {}, "notifications/"),
        ("notifications/settings/", {}, "notifications/settings/"),
        ("notifications/settings/cells/hygiene_recall.email/", {}, "notifications/settings/"),
        ("notifications/settings/resume/", {"next": "//elsewhere"}, "notifications/settings/"),
        ("notifications/settings/private/wish/", {}, ""),
    ],
)
def test_a_press_on_a_childs_page_never_leads_to_the_guardians_own(
    ana_client, ana, page, data, lands
):
    """Nor what is refused, or names no page to go back to."""
    sam = child_of(ana)
    answer = ana_client.post(f"/for/{sam.pk}/{page}", data)
    assert (answer.status_code, answer["Location"]) == (303, f"/for/{sam.pk}/{lands}")


@pytest.mark.req("P-01")
@pytest.mark.parametrize("page", ["", "visits/", "notifications/", "notifications/settings/"])
def test_guardianship_that_ended_ends_at_once(ana_client, ana, ben_client, page):
    from django.utils import timezone

    sam = child_of(ana)
    assert ana_client.get(f"/for/{sam.pk}/{page}").status_code == 200
    assert ben_client.get(f"/for/{sam.pk}/{page}").status_code == 404
    Guardianship.objects.update(ended_at=timezone.now())
    answer = ana_client.get(f"/for/{sam.pk}/{page}")
    assert answer.status_code == 404
    assert "Sam" not in text_of(answer)


def test_family_shows_each_persons_count(ana_client, ana, ben_client):
    sam = child_of(ana)
    tell(sam, "One", "Two")
    page = text_of(ana_client.get("/"))
    assert f'href="/for/{sam.pk}/notifications/"' in page
    assert '<span class="count some">2' in page
    assert "Sam" not in text_of(ben_client.get("/"))


@pytest.mark.req("H-06")
def test_what_a_guardian_sees_is_audited_once_and_ones_own_is_not(ana_client, ana):
    sam = child_of(ana)
    message = tell(sam, "For Sam")[0]

    def views() -> int:
        return AuditEvent.objects.filter(action=AuditAction.VIEWED, patient_id=sam.pk).count()

    ana_client.get(f"/for/{sam.pk}/notifications/")
    assert views() == 1
    ana_client.get(f"/for/{sam.pk}/notifications/{message.pk}/")
    assert views() == 2
    ana_client.get(f"/for/{sam.pk}/notifications/sync/?since=0")
    ana_client.get("/notifications/")
    assert AuditEvent.objects.filter(action=AuditAction.VIEWED).count() == 2


@pytest.mark.req("H-06")
def test_a_refused_page_is_audited(ana_client, ana, bens):
    ana_client.get(f"/notifications/{bens.pk}/")
    denied = AuditEvent.objects.get(action=AuditAction.DENIED)
    assert denied.actor == f"user:{ana.pk}"


def patterns(entries=urls.urlpatterns, prefix=""):
    """Yield every address of the portal."""
    for entry in entries:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            yield path


OPEN_TO_ALL = {
    "accounts/login/",
    "accounts/logout/",
    "look/",
    "sw.js",
    "unsubscribe/<str:token>/",
}


@pytest.mark.req("H-02")
@pytest.mark.parametrize("pattern", sorted(set(patterns()) - OPEN_TO_ALL))
@pytest.mark.django_db
def test_every_page_asks_for_a_sign_in(client, pattern):
    path = "/" + re.sub(r"<uuid:\w+>", lambda _id: str(uuid4()), pattern)
    path = path.replace("<slug:action>", "read").replace("<str:cell>", "a.b")
    path = path.replace("<str:kind>", "email")
    answers = [client.get(path), client.post(path)]
    assert {answer.status_code for answer in answers} <= {302, 405}
    assert any(answer.status_code == 302 for answer in answers)
    fragments = [client.get(path, headers=HTMX), client.post(path, headers=HTMX)]
    assert {answer.status_code for answer in fragments} <= {401, 405}
