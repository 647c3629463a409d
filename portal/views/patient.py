"""Whom a page is about, and how a page says no."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from notifications import audit
from notifications.crypto import keys_loaded
from notifications.enums import AuditAction
from notifications.types import Refused
from portal.access import patient_for, profiles_for
from portal.models import User
from portal.templatetags.portal import address

View = Callable[..., HttpResponse]
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def patient_page(view: View) -> View:
    """Ask for a sign-in, put the patient into `request.patient` and go by that patient's clock.

    The patient is in the address and checked at each request. What is not theirs is a 404, and
    so is anything else that does not exist; what cannot be done is said in words.
    """

    @wraps(view)
    def page(
        request: HttpRequest, *args: Any, patient_id: UUID | None = None, **kwargs: Any
    ) -> HttpResponse:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        try:
            request.patient = patient_for(user=request.user, patient_id=patient_id)
            with at_home_with(request.patient, reader=request.user):
                response = _answer(view, request, *args, **kwargs)
        except (Http404, ObjectDoesNotExist):
            audit.record_denied(actor=audit.actor_of(request.user), route=route_of(request))
            raise Http404("no such page") from None
        patch_vary_headers(response, ["HX-Request"])
        return response

    return page


@contextmanager
def at_home_with(patient: User, *, reader: User) -> Iterator[None]:
    """Go by a patient's clock and hold their key; the reader's own clock is set already."""
    zone = timezone.get_current_timezone() if patient == reader else zone_of(patient)
    with keys_loaded([patient.pk]), timezone.override(zone):
        yield


def _answer(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        response = view(request, *args, **kwargs)
    except Refused as refused:
        return refusal(request, refused)
    if _is_a_look(request, response):
        audit.record(
            action=AuditAction.VIEWED,
            actor=audit.actor_of(request.user),
            patient_id=request.patient.pk,
            route=route_of(request),
        )
    return response


def _is_a_look(request: HttpRequest, response: HttpResponse) -> bool:
    """Return whether somebody else has now seen a patient's page.

    Opening a message is audited with the message itself; `sync` shows numbers only.
    """
    is_other = request.patient != request.user and request.method == "GET"
    is_page = request.resolver_match.url_name not in ("message", "sync")
    return is_other and is_page and response.status_code == 200


def route_of(request: HttpRequest) -> str:
    """Return the pattern of the address, such as /notifications/:notification_id/."""
    return "/" + PARAMETER.sub(r":\1", request.resolver_match.route)


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Say in words why something cannot be done: a fragment, a note on a page, or a page."""
    if getattr(request, "htmx", False):
        response = render(request, "portal/_refused.html", {"reason": refused.message}, status=422)
        response["HX-Reswap"] = "none"  # what is on the page stays as it was
        return response
    if request.method == "POST":
        messages.error(request, str(refused.message))
        return back(request)
    return render(request, "400.html", {"reason": refused.message}, status=400)


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in and back: a redirect, or for a fragment a 401 that htmx follows."""
    if not request.htmx and request.method == "POST":  # its address shows no page
        return redirect_to_login(back(request).headers["Location"])
    if not request.htmx:
        return redirect_to_login(request.get_full_path())
    here = request.htmx.current_url_abs_path or reverse("home")
    address = f"{reverse('login')}?{urlencode({'next': here})}"
    return HttpResponse(status=401, headers={"HX-Redirect": address})


def is_fragment(request: HttpRequest) -> bool:
    """Return whether htmx asks for a part of the page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def is_prefetch(request: HttpRequest) -> bool:
    """Return whether a browser only fetches ahead: nobody has seen or opened anything."""
    return "prefetch" in request.headers.get("Sec-Purpose", "")


def back(request: HttpRequest, default: str = "") -> HttpResponse:
    """Return a 303 to where the form says it came from, if that is a page of ours (S-09).

    `default`: where else; empty: the home page of whomever the request is about.
    """
    wanted = request.POST.get("next", "")
    mine = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    is_path = mine and wanted.startswith("/") and wanted.isprintable()
    target = iri_to_uri(wanted) if is_path else default or _home_of(request)
    return HttpResponse(status=303, headers={"Location": target})


def _home_of(request: HttpRequest) -> str:
    patient = getattr(request, "patient", request.user)
    return address("home", user=request.user, patient=patient)


def zone_of(patient: User) -> str:
    """Return the zone a patient's clock shows."""
    return patient.zone or profiles_for([patient.pk])[patient.pk].zone
