"""Push from end to end in a real Firefox: subscribed, registered, sent, decrypted, shown.

Firefox talks to a push service on this machine, which hands out addresses at Mozilla's name; our
carrier's connection to that name is bridged to it. Nothing else is made up.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.desk import PASSWORD, Desk
from tests.browser.firefox import Marionette, PushService, profile
from tests.rig.install import FIREFOX, ensure, firefox
from tests.rig.live import live_site
from tests.rig.processes import free_port, listens, running, wait_until

pytestmark = pytest.mark.browser

SAVED = "return document.querySelector('#saved-message_from_provider').innerText;"
SHOWN = """
    const worker = await navigator.serviceWorker.ready;
    const all = await worker.getNotifications();
    return all.map(({ title, body, data }) => ({ title, body, ids: data.ids }));
"""
LISTED_AS_THIS = """
    const row = document.querySelector("[data-device]");
    const isReady = document.readyState === "complete" && row?.innerText.includes("This device");
    return isReady ? row.innerText : "";
"""
SUBSCRIBED = """
    const worker = await navigator.serviceWorker.getRegistration("/");
    return !!(worker && await worker.pushManager.getSubscription());
"""


@pytest.fixture
def push() -> Iterator[PushService]:
    service = PushService()
    yield service
    service.close()


@pytest.fixture
def site(push):
    """A site whose pushes leave; the browser is spoken to through the bridge."""
    carrier = {"NOTIFICATIONS_PUSH_PROVIDER": "tests.bridge.Bridged", "PUSH_PEER": push.url}
    with live_site(**carrier) as made:
        made.start("web")
        yield made


@pytest.fixture
def fox(push, tmp_path) -> Iterator[Marionette]:
    ensure(needs=[FIREFOX], say=print)
    port = free_port()
    profile(tmp_path, push=push, port=port)
    command = [firefox(), "--headless", "--marionette", "--no-remote", "--profile", str(tmp_path)]
    log = tmp_path / "firefox.log"
    with running(command=command, log=log, cwd=tmp_path) as process:
        wait_until(ready=lambda: listens(port=port), process=process, log=log, seconds=120)
        remote = Marionette(port)
        yield remote
        remote.close()


@pytest.fixture
def desk(site) -> Iterator[Desk]:
    at_work = Desk(site)
    yield at_work
    at_work.close()


def soon(happens: Callable[[], Any], *, seconds: float = 30) -> Any:
    """Return what comes of it once it is more than nothing."""
    deadline = time.monotonic() + seconds
    while not (found := happens()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


@pytest.mark.req("P-32")
def test_p32_a_message_rings_in_firefox_until_ana_signs_out_there(site, desk, fox, push):
    ana = desk.admit(email="ana@example.com", first_name="Ana")
    fox.go(f"{site.url}/accounts/login/?next=/notifications/settings/")
    fox.type("#id_username", "ana@example.com")
    fox.type("#id_password", PASSWORD)
    fox.press("main form button")
    assert soon(lambda: fox.ask("return !!document.querySelector('[data-state=offer]')"))
    fox.press("[data-state=offer] button")
    assert "Firefox on Linux" in soon(lambda: fox.ask(LISTED_AS_THIS))
    assert len(push.registered) == 1

    fox.press("[id='id-message_from_provider.push']")
    assert soon(lambda: "Saved" in (fox.ask(SAVED) or ""))
    # Urgent: this story is told at any hour, quiet ones too.
    desk.tell(patient_id=ana, texts=["Impacted molar, lower left"], priority="urgent")
    site.manage("run_due")
    (shown,) = soon(lambda: fox.ask(SHOWN))

    assert shown["title"] == "Main Street Dental"
    assert shown["body"] == "You have a new message from Main Street Dental. Sign in to read it."
    assert soon(lambda: push.acknowledged)
    (post,) = push.posts
    assert (post["urgency"], post["content-encoding"]) == ("high", "aes128gcm")
    assert [post["topic"]] == [each.replace("-", "") for each in shown["ids"]]

    fox.press("header summary")
    fox.press("[data-sign-out] button")
    assert soon(lambda: fox.ask("return !!document.querySelector('#id_password')"))
    assert fox.ask(SUBSCRIBED) is False
    desk.tell(patient_id=ana, texts=["A second message"], priority="urgent")
    site.manage("run_due")
    assert len(push.posts) == 1
