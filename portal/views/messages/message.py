"""One message, and every change a person can make to it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from notifications import audit
from notifications.services import patient_notification_service as service
from notifications.types import Refused
from portal.services import answer
from portal.templatetags.portal import address, full_moment
from portal.views.messages.centre import counts
from portal.views.messages.lists import Shown
from portal.views.messages.rows import Row, moment_of, rows_of
from portal.views.patient import back, is_fragment, is_prefetch, patient_page

CHANGES = {
    "read": service.mark_read,
    "unread": service.mark_unread,
    "dismiss": service.dismiss,
    "archive": service.archive,
    "restore": service.restore,
}
SAID = {
    "read": gettext_lazy("Marked as read"),
    "unread": gettext_lazy("Marked as unread"),
    "dismiss": gettext_lazy("Dismissed"),
    "archive": gettext_lazy("Archived"),
    "restore": gettext_lazy("Moved to inbox"),
    "confirm": gettext_lazy("Confirmed"),
    "accept": gettext_lazy("The time is yours"),
}
INVERSE = {
    "read": "unread",
    "unread": "read",
    "dismiss": "restore",
    "archive": "restore",
    "snooze": "restore",
}
LEAVES_LIST = ("dismiss", "archive", "restore", "snooze")
PREFIXES = ("n", "p", "h")  # of a row's id: the centre, the popover, the home page


@require_GET
@patient_page
def message(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Show a message. Opening it reads it; a browser that only fetches ahead does not."""
    who = {"patient_id": request.patient.pk, "notification_id": notification_id}
    if is_prefetch(request):
        opened = service.get(**who)
    else:
        opened = service.open(**who, actor_id=request.user.pk)
    context = {"row": rows_of([opened])[0], "history": service.history(**who)}
    return render(request, "portal/messages/message.html", context)


@require_POST
@patient_page
def change(request: HttpRequest, notification_id: UUID, action: str) -> HttpResponse:
    """Do one thing with a message, and say what was done with a way back."""
    changed = _perform(request, notification_id, action)
    said = _said(action, changed)
    if not is_fragment(request):
        messages.success(request, said, extra_tags=_undo(request, changed, action))
        return back(request, address("centre", user=request.user, patient=request.patient))
    return _fragment(request, rows_of([changed])[0], action, said)


def _perform(request: HttpRequest, notification_id: UUID, action: str) -> Any:
    who = {"patient_id": request.patient.pk, "notification_id": notification_id}
    if action in CHANGES:
        return CHANGES[action](**who, actor_id=request.user.pk)
    if action != "snooze":
        return answer(**who, action=action, actor=audit.actor_of(request.user))
    until = moment_of(request.POST)
    if until is None:
        raise Refused(_("Choose a day to be reminded on."), field="until")
    return service.snooze(**who, until=until, actor_id=request.user.pk)


def _said(action: str, changed: Any) -> str:
    if action == "snooze":
        return _("We'll remind you %(when)s") % {"when": full_moment(changed.snoozed_until)}
    return str(SAID.get(action, _("Answered")))


def _inverse(request: HttpRequest, action: str) -> str:
    """Return the action that takes this one back: moving to the inbox, where it came from."""
    came_by = request.POST.get("came_by", "")
    return INVERSE.get(action) or (came_by if came_by in ("archive", "dismiss") else "")


def _undo(request: HttpRequest, changed: Any, action: str) -> str:
    inverse = _inverse(request, action)
    if not inverse:
        return ""
    return address(
        "message-action", changed.pk, inverse, user=request.user, patient=request.patient
    )


def _fragment(request: HttpRequest, row: Row, action: str, said: str) -> HttpResponse:
    shown = Shown.of(request.POST)
    lists = [each for each in request.POST.getlist("list") if each in PREFIXES] or PREFIXES[:1]
    stays = action not in LEAVES_LIST or "undo" in request.POST
    context = {
        "row": row,
        "prefix": lists[0],
        "others": lists[1:],
        "shown": shown,
        "said": said,
        "inverse": _inverse(request, action),
        "focus_row": "undo" in request.POST or action not in CHANGES,
        "part": "portal/messages/_row.html" if stays else "portal/messages/_tombstone.html",
    }
    return render(request, "portal/messages/_changed.html", {**context, **counts(request, shown)})
