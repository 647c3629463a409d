"""Everything a patient was sent, on one page: how it went on each channel, why, and where to
change that."""

import re

import pytest

from notifications import preferences
from notifications.enums import AuditAction
from notifications.models import AuditEvent
from tests.engine import run
from tests.pages import child_of, tell, text_of, warn

SENT = "/notifications/sent/"


def ids_in(response) -> list[str]:
    return re.findall(r'<h3 id="s-([0-9a-f-]{36})"', text_of(response))


def words_in(response) -> str:
    """Return a page's text without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text_of(response)))


@pytest.mark.usefixtures("ana_email")
def test_each_message_says_how_it_went_on_each_channel_and_why(ana_client, ana):
    preferences.change(
        patient_id=ana.pk,
        type_key="message_from_provider",
        changes={"email": False},
        actor="system:test",
    )
    message = tell(ana, "Hello")[0]
    warn(ana)
    run()
    page = ana_client.get(SENT)
    words = words_in(page)
    assert words.index("Account and security") < words.index("A message from your care team")
    assert "In-app Delivered" in words
    assert "Email a***@example.com Sent" in words
    assert "Not sent. You turned this off on " in words
    assert "Hello" not in words
    assert "Why you got this: “Messages from your care team” is on. Change this" in words
    assert 'href="/notifications/settings/#type-message_from_provider"' in text_of(page)
    assert f'href="/notifications/{message.pk}/"' in text_of(page)


@pytest.mark.req("P-01")
def test_only_ones_own_are_there_and_no_address_is_written_out(ana_client, ana, ana_email, ben):
    mine, theirs = tell(ana, "Mine")[0], tell(ben, "Theirs")[0]
    page = ana_client.get(SENT)
    assert ids_in(page) == [str(mine.pk)]
    assert ana.email not in text_of(page).split("</header>")[1]
    assert str(theirs.pk) not in text_of(page)
    assert ana_client.get(f"/for/{ben.pk}{SENT}").status_code == 404


@pytest.mark.usefixtures("ana_email")
def test_pages_go_on_where_the_last_one_ended_also_on_one_channel(ana_client, ana):
    messages = [str(each.pk) for each in tell(ana, *[f"Message {n}" for n in range(23)])]
    first = ana_client.get(f"{SENT}?channel=email")
    assert ids_in(first) == messages[::-1][:20]
    assert "In-app Delivered" not in words_in(first)
    older = re.search(r'href="([^"]+before=\d+)"', text_of(first)).group(1).replace("&amp;", "&")
    tell(ana, "Arrives meanwhile")
    rest = ana_client.get(older)
    assert ids_in(rest) == messages[::-1][20:]
    assert "Older messages" not in text_of(rest)
    for query in ("?channel=pigeon", "?before=soon"):
        assert ana_client.get(SENT + query).status_code == 400


def test_a_page_without_messages_leads_on(ana_client, ana):
    assert "We have sent you nothing yet." in text_of(ana_client.get(SENT))
    assert "Nothing was sent to you this way." in text_of(ana_client.get(f"{SENT}?channel=sms"))


@pytest.mark.req("H-06")
def test_a_guardians_look_at_what_a_child_was_sent_is_audited(ana_client, ana):
    sam = child_of(ana)
    message = tell(sam, "For Sam")[0]
    page = ana_client.get(f"/for/{sam.pk}{SENT}")
    assert f'href="/for/{sam.pk}/notifications/settings/#type-' in text_of(page)
    assert ids_in(page) == [str(message.pk)]
    viewed = AuditEvent.objects.get(action=AuditAction.VIEWED, patient_id=sam.pk)
    assert viewed.details["route"].endswith(SENT)
