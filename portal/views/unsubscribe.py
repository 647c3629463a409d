"""Leaving by a link, signed out: looking changes nothing, a POST does (RFC 8058).

A mail program posts `List-Unsubscribe=One-Click` without a cookie and must not be redirected; its
answer is the page a person gets. The page speaks the language of the patient whose link it is, as
the mail did: on a borrowed computer the browser's may be another.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifications import contacts, preferences
from notifications.enums import (
    NAMED_CATEGORIES,
    ContactKind,
    ContactStatus,
    PatientNotificationType,
)
from notifications.types import Refused
from portal.access import profiles_for

ACTOR = "system:unsubscribe"  # nobody is signed in: the signed link is what speaks
UNDO_SALT = "portal.unsubscribe.undo"


# The token is the proof, and mail programs post without a cookie: no CSRF token can be asked for.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, and on POST turn off the e-mails of the link's types, or every optional one."""
    try:
        patient_id, type_keys = preferences.read_types(token)
    except Refused as refused:
        return _refusal(request, refused)
    profile = profiles_for([patient_id]).get(patient_id)
    if profile is None:  # erased since: nothing is sent, and no more is known of it
        return render(request, "portal/unsubscribe.html", {"done": True, "all": True})
    with translation.override(profile.language):
        response = _answer(request, patient_id, type_keys)
    response["Content-Language"] = profile.language
    return response


def _answer(request: HttpRequest, patient_id: UUID, type_keys: list[str]) -> HttpResponse:
    try:
        optional = _unlocked(type_keys)
        context = _context(patient_id, optional)
        if request.method == "POST":
            context |= _change(request, patient_id, optional)
    except Refused as refused:
        return _refusal(request, refused)
    return render(request, "portal/unsubscribe.html", context)


def _refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    return render(request, "400.html", {"reason": refused.message}, status=400)


def _unlocked(type_keys: list[str]) -> list[str]:
    """Return those of a link's types that may be left. Raises Refused where none may."""
    kinds = {key: PatientNotificationType.get(key) for key in type_keys}
    optional = [key for key, kind in kinds.items() if "email" not in getattr(kind, "locked", ())]
    if not optional:
        raise Refused(_("We always email this kind of message, so that you do not miss a change."))
    return optional


def _context(patient_id: UUID, type_keys: list[str]) -> dict[str, Any]:
    kinds = [PatientNotificationType.get(key) for key in type_keys]
    is_named = len(kinds) == 1 and kinds[0].category in NAMED_CATEGORIES
    return {
        "label": kinds[0].label if is_named else "",
        "masked": _masked(patient_id),
        "off": not set(type_keys) & set(_optional(patient_id)),
    }


def _masked(patient_id: UUID) -> str:
    """Return the address that is written to, masked; the newest of several as good."""
    mine = contacts.of_patient(patient_id=patient_id)
    emails = [each for each in mine if each.kind == ContactKind.EMAIL]
    emails.sort(key=lambda each: (each.status != ContactStatus.ACTIVE, each.verified_at is None))
    return contacts.masked(emails[0]) if emails else ""


def _change(request: HttpRequest, patient_id: UUID, type_keys: list[str]) -> dict[str, Any]:
    if request.POST.get("undo"):
        _switch(patient_id, _taken_back(request.POST["undo"], patient_id), on=True)
        return {"undone": True}
    optional, everything = _optional(patient_id), bool(request.POST.get("all"))
    wanted = optional if everything else [key for key in optional if key in type_keys]
    _switch(patient_id, wanted, on=False)
    undo = _way_back(patient_id, wanted) if wanted else ""
    return {"done": True, "all": everything, "undo": undo}


def _way_back(patient_id: UUID, type_keys: list[str]) -> str:
    """Return what turns these types on again: by their links' tokens, which tell nobody a type."""
    tokens = [
        preferences.unsubscribe_token(patient_id=patient_id, type_key=key) for key in type_keys
    ]
    return signing.dumps(tokens, salt=UNDO_SALT)


def _taken_back(undo: str, patient_id: UUID) -> list[str]:
    """Return the types an Undo names: signed, so that it turns on only what was just turned off."""
    try:
        tokens = signing.loads(undo, salt=UNDO_SALT, max_age=timedelta(days=1))
    except signing.BadSignature:
        raise Refused(_("It is too late to undo this here. Sign in to change it.")) from None
    switched = [preferences.read_token(token) for token in tokens]
    return [type_key for owner, type_key in switched if owner == patient_id]


def _optional(patient_id: UUID) -> list[str]:
    """Return the types whose e-mail is on and may be turned off."""
    known = preferences.effective(patient_id=patient_id)
    return [
        key
        for key, each in known.items()
        if each.enabled.get("email") and "email" not in each.locked
    ]


@transaction.atomic
def _switch(patient_id: UUID, type_keys: list[str], *, on: bool) -> None:
    for key in type_keys:
        changes = {"email": on}
        preferences.change(patient_id=patient_id, type_key=key, changes=changes, actor=ACTOR)
