"""Bills: what is to be paid and what was, how to pay, and a question about one."""

from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from notifications import audit
from portal import services
from portal.access import profiles_for
from portal.models import Practice, Statement
from portal.templatetags.portal import address
from portal.views.paperwork import bills_of, statements_of
from portal.views.patient import back, patient_page

PAID = 50  # of the last ones


@require_GET
@patient_page
def statements(request: HttpRequest) -> HttpResponse:
    """Show what is to be paid, and what has been."""
    who = {"payer": request.patient, "reader": request.user}
    all_of_it = statements_of(request.patient)
    paid = all_of_it.exclude(paid_at=None).order_by("-paid_at", "-pk")
    context = {
        "to_pay": bills_of(all_of_it.filter(paid_at=None), **who),
        "paid": bills_of(paid[:PAID], **who),
    }
    return render(request, "portal/statements.html", context)


@require_GET
@patient_page
def statement(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Show one bill: what, until when, how to pay it, and whom to ask."""
    rows = Statement.objects.filter(guarantor=request.patient, pk=statement_id)
    row = rows.select_related("patient")
    found = bills_of(row, payer=request.patient, reader=request.user)
    if not found:
        raise Statement.DoesNotExist
    context = {
        "bill": found[0],
        "question": services.question_about(found[0].row),
        "pay_at": _payment_page(),
        "practice": profiles_for([request.patient.pk])[request.patient.pk],
    }
    return render(request, "portal/statement.html", context)


@require_POST
@patient_page
def ask(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Ask the desk for a call about a bill."""
    services.ask_about_statement(
        statement_id=statement_id,
        payer_id=request.patient.pk,
        note=request.POST.get("note", ""),
        actor=audit.actor_of(request.user),
    )
    messages.success(request, _("We will call you about this bill."))
    return _see(request, statement_id)


@require_POST
@patient_page
def unask(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Ask for no call any more."""
    services.take_back_question(
        statement_id=statement_id,
        payer_id=request.patient.pk,
        actor=audit.actor_of(request.user),
    )
    messages.success(request, _("We will not call you about this bill."))
    return _see(request, statement_id)


def _see(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    here = address("statement", statement_id, user=request.user, patient=request.patient)
    return back(request, here)


def _payment_page() -> tuple[str, str] | None:
    """Return the practice's page for payments and its host; None: there is none."""
    practice = Practice.objects.first()
    if practice is None or not practice.payment_url:
        return None
    return practice.payment_url, urlsplit(practice.payment_url).hostname or ""
