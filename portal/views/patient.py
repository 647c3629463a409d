"""Whom a page is about, and how a page says no."""

from collections.abc import Callable
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
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from notifications.types import Refused
from portal.access import patient_for, profiles_for
from portal.models import User

View = Callable[..., HttpResponse]


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
        request.patient = patient_for(user=request.user, patient_id=patient_id)
        with timezone.override(zone_of(request.patient)):
            response = _answer(view, request, *args, **kwargs)
        patch_vary_headers(response, ["HX-Request"])
        return response

    return page


def _answer(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        return view(request, *args, **kwargs)
    except ObjectDoesNotExist as missing:
        raise Http404("no such thing") from missing
    except Refused as refused:
        return refusal(request, refused)


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
    if not request.htmx:
        return redirect_to_login(request.get_full_path())
    here = request.htmx.current_url_abs_path or reverse("home")
    address = f"{reverse('login')}?{urlencode({'next': here})}"
    return HttpResponse(status=401, headers={"HX-Redirect": address})


def is_fragment(request: HttpRequest) -> bool:
    """Return whether htmx asks for a part of the page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def back(request: HttpRequest, default: str = "/") -> HttpResponse:
    """Return a 303 to where the form says it came from, if that is a page of ours (S-09)."""
    wanted = request.POST.get("next", "")
    mine = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    target = wanted if mine and wanted.startswith("/") else default
    return HttpResponse(status=303, headers={"Location": target})


def actor_of(user: User) -> str:
    """Return the name a person goes by in the audit trail."""
    return f"user:{user.pk}"


def zone_of(patient: User) -> str:
    """Return the zone a patient's clock shows."""
    return patient.zone or profiles_for([patient.pk])[patient.pk].zone
