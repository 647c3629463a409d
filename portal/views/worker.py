"""The service worker: static/portal/sw.js with the few words it may show, in each language."""

import json
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from portal.access import public_name


@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """Return the worker from the root, so that it may speak for the whole site."""
    words = json.dumps({code: _words(code) for code, _name in settings.LANGUAGES})
    script = Path(finders.find("portal/sw.js")).read_text()
    response = HttpResponse(
        f"const WORDS = {words};\n{script}", content_type="text/javascript; charset=utf-8"
    )
    response.headers["Service-Worker-Allowed"] = "/"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _words(language: str) -> dict[str, str]:
    """Return what a device says, whatever the message: L0, as everything on a lock screen."""
    names = {"public_name": public_name()}
    with translation.override(language):
        one = _("You have a new message from %(public_name)s. Sign in to read it.") % names
        many = _("You have {count} new messages from %(public_name)s. Sign in to read them.")
        return {"title": names["public_name"], "one": one, "many": many % names}
