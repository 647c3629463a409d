"""Changes to a patient's settings: what, by whom, when, and from where. Read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from notifications import audit, consent, contacts
from notifications.enums import AuditAction
from portal.models import Guardianship, User
from portal.views.patient import patient_page
from portal.views.settings.change_words import Named, icon_of, sentence_of

PAGE = 20


@dataclass(frozen=True, kw_only=True)
class Line:
    """One change. `at` is aware."""

    at: datetime
    icon: str
    sentence: str
    by: str


@require_GET
@patient_page
def changes(request: HttpRequest) -> HttpResponse:
    """Show a page of what changed, newest first."""
    before = request.GET.get("before", "")
    page = audit.changes_of(patient_id=request.patient.pk, before=before, limit=PAGE)
    context = {
        "lines": lines_of(page, patient=request.patient, reader=request.user),
        "older": page.older,
        "is_first": not before,
    }
    return render(request, "portal/settings/changes.html", context)


def lines_of(page: audit.Changes, *, patient: User, reader: User) -> list[Line]:
    """Return a page's rows in the reader's words, in three queries for any number."""
    about, who = _addresses_in(page.rows, patient), _names_for(patient, reader)
    before = _rows_before(page)
    return [
        Line(
            at=row.at,
            icon=icon_of(row, about.get(row.pk)),
            sentence=sentence_of(row, about=about.get(row.pk), before=before[row.pk]),
            by=_by(row.actor, who),
        )
        for row in page.rows
    ]


def _addresses_in(rows: Sequence[Any], patient: User) -> dict[Any, Named]:
    """Return the address each row is about, by the row's id."""
    known = {
        str(each.pk): Named(contacts.masked(each), each.kind)
        for each in contacts.ever_of_patient(patient_id=patient.pk)
    }
    said = [row.object_id for row in rows if row.action == AuditAction.CONSENT]
    agreed = consent.addresses_of(consent_ids=said)
    names = {
        row.pk: str(row.details.get("contact") or agreed.get(row.object_id) or row.object_id)
        for row in rows
    }
    return {pk: known[name] for pk, name in names.items() if name in known}


def _rows_before(page: audit.Changes) -> dict[Any, Mapping[str, Any]]:
    """Return, by each row's id, what the row before it said of the same kind of thing."""
    last = {kind: row.details for kind, row in page.before.items()}
    found = {}
    for row in reversed(page.rows):
        found[row.pk] = last.get(row.object_type, {})
        last[row.object_type] = row.details
    return found


# -- by whom --------------------------------------------------------------------------------------


def _names_for(patient: User, reader: User) -> dict[str, str]:
    """Return what to call the people around a patient: who reads, the patient, guardians.

    Whoever else has an account here works at the practice, and is told as the practice: patients
    deal with it, and who of its staff it was stands in the audit log, for those who may ask.
    """
    ties = Guardianship.objects.filter(patient=patient).select_related("guardian")
    names = {
        audit.actor_of(tie.guardian): _("By %(name)s, who acts for this patient")
        % {"name": tie.guardian.display_name}
        for tie in ties
    }
    names[audit.actor_of(patient)] = _("By %(name)s") % {"name": patient.display_name}
    return names | {audit.actor_of(reader): _("By you")}


def _by(actor: str, names: Mapping[str, str]) -> str:
    """Return by whom or from where a change came. Jobs are `system:<job>`."""
    if actor in names:
        return names[actor]
    kind, _colon, job = actor.partition(":")
    if kind == "user":
        return _("By the practice")
    jobs = {
        "unsubscribe": _("By the link in an email"),
        "reply": _("By a text from this number"),
        "import": _("From the practice’s records"),
    }
    return jobs.get(job.partition(":")[0], _("By our system"))
