"""That every page and every promise to patients is proven in a browser."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from django.urls import reverse

from tests.browser.pages import ADDRESSES, NO_PAGES, PAGES, SIGNED_OUT

BROWSER = Path(__file__).resolve().parent / "browser"
# Of the forty, P-01 to P-40, those a patient would notice; the others are the staff's.
STAFFS = {22, 23, 24, 25, 26}
MADE_UP = {"kind": "email", "cell": "a.b", "action": "read", "token": "forged"}


def test_every_promise_to_patients_has_a_browser_test_with_its_number():
    """P-39 is half the staff's; its half about a message is the patient's."""
    source = "\n".join(path.read_text() for path in sorted(BROWSER.glob("test_*.py")))
    proven = {int(number) for number in re.findall(r"^def test_p(\d\d)_\w+", source, re.M)}
    promised = set(range(1, 41)) - STAFFS
    missing = ", ".join(f"P-{number:02}" for number in sorted(promised - proven))
    assert missing == ""


@pytest.mark.django_db
def test_every_page_is_in_the_browsers_table(ana_client):
    """Whatever answers a GET is a page, or is said not to be one."""
    answers = {name: _asked(ana_client, name) for name in ADDRESSES}
    shown = {name for name, status in answers.items() if status != 405}
    assert shown - NO_PAGES == set(PAGES) | set(SIGNED_OUT)


def _asked(client, name: str) -> int:
    """Return the status of a GET: what is not there is a 404, what takes only a POST a 405."""
    kwargs = {each: MADE_UP.get(each, uuid4()) for each in ADDRESSES[name]}
    return client.get(reverse(name, kwargs=kwargs)).status_code
