"""One thing done with several messages of a list at once, and the way back."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_POST

from notifications.services import patient_notification_service as service
from portal.templatetags.portal import address
from portal.views.messages.centre import counts
from portal.views.messages.lists import Shown
from portal.views.messages.message import INVERSE, LEAVES_LIST, SAID
from portal.views.messages.rows import rows_of
from portal.views.patient import back, is_fragment, patient_page

SEVERAL_SAID = {
    "read": ngettext_lazy("%(count)s marked as read", "%(count)s marked as read", "count"),
    "unread": ngettext_lazy("%(count)s marked as unread", "%(count)s marked as unread", "count"),
    "dismiss": ngettext_lazy("%(count)s dismissed", "%(count)s dismissed", "count"),
    "archive": ngettext_lazy("%(count)s archived", "%(count)s archived", "count"),
    "restore": ngettext_lazy("%(count)s moved to inbox", "%(count)s moved to inbox", "count"),
}
CAME_BY = {"archived": "archive", "dismissed": "dismiss"}  # into a list, and back into it


@require_POST
@patient_page
def bulk(request: HttpRequest, action: str) -> HttpResponse:
    """Do one thing with the messages that are ticked; say how many it changed, with Undo.

    Undo (`undo` in the form or the address) names those alone which the press before it changed.
    """
    done = service.change_many(
        patient_id=request.patient.pk,
        notification_ids=_chosen(request),
        change=action,
        actor_id=request.user.pk,
    )
    if is_fragment(request):
        return _fragment(request, action, done)
    said, inverse = _said(action, len(done.changed)), _inverse(request, action)
    undo = f"{_path(request, inverse)}?{_query(done.changed)}" if inverse and done.changed else ""
    messages.success(request, said, extra_tags=undo)
    return back(request, address("centre", user=request.user, patient=request.patient))


def _chosen(request: HttpRequest) -> list[UUID]:
    """Return the ids that are ticked. Without script Undo has them in its address."""
    given = [*request.POST.getlist("chosen"), *request.GET.getlist("chosen")]
    try:
        return [UUID(each) for each in given]
    except ValueError:
        raise Http404("no such message") from None


def _query(ids: Sequence[UUID]) -> str:
    return urlencode({"undo": 1, "chosen": [each.hex for each in ids]}, doseq=True)


def _is_undo(request: HttpRequest) -> bool:
    return "undo" in request.POST or "undo" in request.GET


def _said(action: str, count: int) -> str:
    if not count:
        return _("Nothing had to be changed")
    return SEVERAL_SAID[action] % {"count": count}


def _inverse(request: HttpRequest, action: str) -> str:
    """Return what takes a press back; nothing takes back an Undo but a press of its own."""
    if _is_undo(request):
        return ""
    return INVERSE.get(action) or CAME_BY.get(request.POST.get("view", ""), "")


def _path(request: HttpRequest, action: str) -> str:
    return address("bulk", action, user=request.user, patient=request.patient)


def _fragment(request: HttpRequest, action: str, done: Any) -> HttpResponse:
    shown, inverse = Shown.of(request.POST), _inverse(request, action)
    goes = action in LEAVES_LIST and not _is_undo(request)
    context = {
        "shown": shown,
        "prefix": "n",
        "rows": rows_of(done.rows),
        "part": "portal/messages/_tombstone.html" if goes else "portal/messages/_row.html",
        "inverse": inverse,
        "said": _said(action, len(done.changed)),
        "one_said": SAID[action],
        "undo": _path(request, inverse) if inverse and done.changed else "",
        "changed": done.changed,
        "focus_first": _is_undo(request),
    }
    context |= counts(request, shown)
    return render(request, "portal/messages/_several_changed.html", context)
