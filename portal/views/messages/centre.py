"""The notification centre: the list, its fragments, and marking all of it as read."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from notifications.enums import Category, InboxEventKind, PatientNotificationPriority
from notifications.services import patient_notification_service as service
from portal.templatetags.portal import address
from portal.views.messages.lists import VIEWS, Shown
from portal.views.messages.rows import days_of, rows_of
from portal.views.patient import back, is_fragment, is_prefetch, patient_page

POPOVER_ROWS = 5


@require_GET
@patient_page
def centre(request: HttpRequest) -> HttpResponse:
    """Draw the centre; for htmx, its next rows (`before`) or its newer ones (`up_to`)."""
    shown = Shown.of(request.GET)
    if is_fragment(request) and "up_to" in request.GET:
        return _newer(request, shown)
    page = _page(request, shown)
    _see(request, page.items)
    days = days_of(rows_of(page.items))
    if is_fragment(request):
        return render(request, "portal/messages/_more.html", _listed(shown, page, days))
    context = _whole(request, shown.at(page.seq), page, days)
    return render(request, "portal/messages/centre.html", context)


def _page(request: HttpRequest, shown: Shown) -> Any:
    patient_id, through = request.patient.pk, request.GET.get("through", "")
    if through and not is_fragment(request):
        return shown.through(patient_id=patient_id, last=through)
    return shown.page(patient_id=patient_id, before=request.GET.get("before", ""))


def _see(request: HttpRequest, items: Sequence[Any]) -> None:
    """Note that messages were drawn in a list or the popover (`seen_at`, statistics only).

    A guardian's look counts as the patient's, as their opening a message does: a child has no
    sign-in. Staff see messages on pages of their own, which note nothing.
    """
    if not is_prefetch(request):
        service.mark_seen(patient_id=request.patient.pk, rows=items)


def _listed(shown, page, days) -> dict:
    count = len(page.items)
    said = ngettext("%(count)s more loaded", "%(count)s more loaded", count) % {"count": count}
    return {"shown": shown, "page": page, "days": days, "prefix": "n", "said": said, "new": True}


def _whole(request: HttpRequest, shown: Shown, page, days) -> dict:
    return {
        **_listed(shown, page, days),
        "new": False,
        "before": request.GET.get("before", ""),
        "views": VIEWS.items(),
        "categories": Category.choices,
        "category_label": dict(Category.choices).get(shown.category, ""),
        "to_read": shown.unread(patient_id=request.patient.pk),
    }


def _newer(request: HttpRequest, shown: Shown) -> HttpResponse:
    rows = shown.newer(patient_id=request.patient.pk)
    _see(request, [row.message for row in rows])
    drawn = shown.at(max([shown.up_to or 0, *(row.message.seq for row in rows)]))
    context = {"days": days_of(rows), "prefix": "n", "new": True, "shown": drawn}
    return render(request, "portal/messages/_newer.html", {**context, **counts(request, drawn)})


def counts(request: HttpRequest, shown: Shown) -> dict:
    """Return what every answer to a change carries: the badge's number and the toolbar's."""
    patient_id = request.patient.pk
    return {
        "unread": service.unread_count(patient_id=patient_id),
        "to_read": shown.unread(patient_id=patient_id),
    }


# -- the bell -----------------------------------------------------------------------------------


@require_GET
@patient_page
def popover(request: HttpRequest) -> HttpResponse:
    """Draw the bell's list: unread first, five at most. Marks nothing as read."""
    patient_id = request.patient.pk
    page = service.inbox(patient_id=patient_id, unread_only=True, limit=POPOVER_ROWS)
    recent = service.inbox(patient_id=patient_id, limit=2 * POPOVER_ROWS).items
    unread = {item.pk for item in page.items}
    items = [*page.items, *(item for item in recent if item.pk not in unread)][:POPOVER_ROWS]
    _see(request, items)
    shown = Shown(up_to=page.seq)
    context = {"rows": rows_of(items), "prefix": "p", "shown": shown}
    return render(request, "portal/messages/_popover.html", {**context, **counts(request, shown)})


@require_GET
@patient_page
def sync(request: HttpRequest) -> HttpResponse:
    """Say what changed since a position: badge, what to announce, how many rows wait."""
    shown, patient_id = Shown.of(request.GET), request.patient.pk
    rows = shown.newer(patient_id=patient_id, limit=20) if shown.is_live else []
    page = service.inbox(patient_id=patient_id, limit=1)
    since = request.GET.get("since", "")
    news = _news(patient_id, int(since)) if since.isdecimal() and len(since) <= 18 else {}
    context = {"shown": shown, "waiting": len(rows), "unread": page.unread, "seq": page.seq}
    return render(request, "portal/messages/_sync.html", {**context, **news})


def _news(patient_id: UUID, since: int) -> dict:
    """Return what to announce: how many came, never what they say."""
    changes = service.changes_since(patient_id=patient_id, seq=since)
    came = [event for event in changes.events if event.kind == InboxEventKind.CREATED]
    urgent = sum(event.priority == PatientNotificationPriority.URGENT for event in came)
    said = ngettext("%(count)s new notification", "%(count)s new notifications", len(came))
    loud = ngettext("%(count)s urgent notification", "%(count)s urgent notifications", urgent)
    return {
        "announce": said % {"count": len(came)} if came else "",
        "alarm": loud % {"count": urgent} if urgent else "",
    }


# -- all at once --------------------------------------------------------------------------------


@require_POST
@patient_page
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark what a list showed as read: no more than its button counted.

    The bell's list counts all of them up to `whole`, whatever list lies behind it.
    """
    shown = Shown.of(request.POST)
    meant = Shown.of({"up_to": request.POST["whole"]}) if "whole" in request.POST else shown
    who = {"patient_id": request.patient.pk, "actor_id": request.user.pk}
    done = service.mark_all_read(**who, up_to=meant.up_to, category=meant.category)
    said = ngettext("%(count)s marked as read", "%(count)s marked as read", done.count)
    return _all_changed(request, shown, said % {"count": done.count}, done.batch)


@require_POST
@patient_page
def read_all_undo(request: HttpRequest, batch: UUID) -> HttpResponse:
    """Make unread again what one "mark all" marked."""
    who = {"patient_id": request.patient.pk, "actor_id": request.user.pk}
    count = service.undo_read(**who, batch=batch)
    said = ngettext("%(count)s unread again", "%(count)s unread again", count)
    return _all_changed(request, Shown.of(request.POST), said % {"count": count}, None)


def _all_changed(request: HttpRequest, shown: Shown, said: str, batch: UUID | None) -> HttpResponse:
    undo = (
        address("read-all-undo", batch, user=request.user, patient=request.patient) if batch else ""
    )
    if not is_fragment(request):
        messages.success(request, said, extra_tags=undo)
        return back(request, address("centre", user=request.user, patient=request.patient))
    context = {"shown": shown, "said": said, "undo": undo}
    context["prefix"] = "h" if request.POST.get("list") == "h" else "n"
    context["oob"] = {"whole", "view"} <= set(request.POST)  # the bell's, above a centre
    context["rows"] = _drawn(request, shown)
    context |= counts(request, shown)
    return render(request, "portal/messages/_all_changed.html", context)


def _drawn(request: HttpRequest, shown: Shown) -> list:
    """Return the rows the page has before it, as they are now."""
    drawn = set(request.POST.getlist("row"))
    page = service.inbox(
        patient_id=request.patient.pk, status="all", before=str((shown.up_to or 0) + 1), limit=100
    )
    return rows_of([item for item in page.items if str(item.pk) in drawn])


@require_GET
@patient_page
def short_link(request: HttpRequest) -> HttpResponse:
    """Lead from the short address in texts to the centre."""
    return redirect("centre")
