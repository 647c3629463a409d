"""Bills: what is to be paid and what was, how to pay, and a question about one."""

from typing import Any
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
from portal.forms import BillQuestionForm
from portal.models import Practice, Statement
from portal.templatetags.portal import address
from portal.views.messages.centre import counts
from portal.views.messages.lists import Shown
from portal.views.paperwork.to_do import bills_of, statements_of
from portal.views.patient import back, is_fragment, patient_page

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
    return render(request, "portal/paperwork/statements.html", context)


@require_GET
@patient_page
def statement(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Show one bill: what, until when, how to pay it, and whom to ask."""
    return _page(request, statement_id, BillQuestionForm())


@require_POST
@patient_page
def ask(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Ask the desk for a call about a bill."""
    form = BillQuestionForm(request.POST)
    if not form.is_valid():
        return _page(request, statement_id, form)
    services.ask_about_statement(
        statement_id=statement_id,
        payer_id=request.patient.pk,
        note=form.cleaned_data["note"],
        actor=audit.actor_of(request.user),
    )
    return _answered(request, statement_id, said=_("We will call you about this bill."))


@require_POST
@patient_page
def unask(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Ask for no call any more."""
    services.take_back_question(
        statement_id=statement_id,
        payer_id=request.patient.pk,
        actor=audit.actor_of(request.user),
    )
    return _answered(request, statement_id, said=_("We will not call you about this bill."))


def _answered(request: HttpRequest, statement_id: UUID, *, said: str) -> HttpResponse:
    """Draw the question anew, or lead back to the bill."""
    if not is_fragment(request):
        messages.success(request, said)
        return back(request, _address(request, statement_id))
    shown = Shown()
    context = _context(request, statement_id, BillQuestionForm()) | counts(request, shown)
    context |= {"said": said, "shown": shown, "focus": True}
    return render(request, "portal/paperwork/_bill_asked.html", context)


def _page(request: HttpRequest, statement_id: UUID, form: BillQuestionForm) -> HttpResponse:
    name = "_bill_question" if is_fragment(request) else "statement"
    part = f"portal/paperwork/{name}.html"
    request.page_address = _address(request, statement_id)
    context = _context(request, statement_id, form)
    return render(request, part, context, status=422 if form.errors else 200)


def _address(request: HttpRequest, statement_id: UUID) -> str:
    return address("statement", statement_id, user=request.user, patient=request.patient)


def _context(request: HttpRequest, statement_id: UUID, form: BillQuestionForm) -> dict[str, Any]:
    """Return what is shown of a bill. Raises Statement.DoesNotExist for what another pays."""
    row = Statement.objects.filter(guarantor=request.patient, pk=statement_id)
    found = bills_of(row.select_related("patient"), payer=request.patient, reader=request.user)
    if not found:
        raise Statement.DoesNotExist
    return {
        "bill": found[0],
        "form": form,
        "question": services.question_about(found[0].row),
        "pay_at": _payment_page(),
        "practice": profiles_for([request.patient.pk])[request.patient.pk],
    }


def _payment_page() -> tuple[str, str] | None:
    """Return the practice's page for payments and its host; None: there is none."""
    practice = Practice.objects.first()
    if practice is None or not practice.payment_url:
        return None
    return practice.payment_url, urlsplit(practice.payment_url).hostname or ""
