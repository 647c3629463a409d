"""The forms a patient is asked for: the list, and one to fill in or to read again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from notifications import audit
from portal.access import profiles_for
from portal.questionnaire_forms import AnswersForm
from portal.questionnaires import in_words
from portal.services import fill_in
from portal.templatetags.portal import address
from portal.views.paperwork.to_do import Form, forms_of, waiting_forms
from portal.views.patient import patient_page

DONE = 50  # of the last ones filled in


@require_GET
@patient_page
def forms(request: HttpRequest) -> HttpResponse:
    """Show what is to be filled in, and what has been."""
    done = forms_of(request.patient).exclude(completed_at=None).order_by("-completed_at", "-pk")
    context = {
        "waiting": [Form(each) for each in waiting_forms(request.patient)],
        "done": [Form(each) for each in done[:DONE]],
        "practice": profiles_for([request.patient.pk])[request.patient.pk],
    }
    return render(request, "portal/paperwork/forms.html", context)


@require_http_methods(["GET", "POST"])
@patient_page
def form(request: HttpRequest, form_id: UUID) -> HttpResponse:
    """Show a form with its questions, or with what was answered; take the answers, once."""
    shown = Form(forms_of(request.patient).defer(None).get(pk=form_id))
    if request.method == "POST":
        return _take(request, shown)
    fresh = AnswersForm(shown.asked) if shown.asked and not shown.row.completed_at else None
    return _draw(request, shown, fresh)


def _take(request: HttpRequest, shown: Form) -> HttpResponse:
    """Keep the answers; a 422 keeps everything on the page and says what is wrong.

    Who comes second, with other answers, reads that theirs are not kept.
    """
    answered = AnswersForm(shown.asked, request.POST) if shown.asked else None
    is_wrong = answered is not None and not answered.is_valid()
    if is_wrong and shown.row.completed_at is None:
        return _draw(request, shown, answered, status=422)
    answers = answered.cleaned_data if answered else {}
    kept = fill_in(
        form_id=shown.row.pk,
        patient_id=request.patient.pk,
        answers=answers,
        actor=audit.actor_of(request.user),
    )
    if shown.asked and not is_wrong and kept.answers == shown.asked.kept(answers):
        messages.success(request, _("Thank you. We have your answers."))
    else:
        messages.error(request, _("This form was filled in before. Your new answers are not kept."))
    return _see(request, shown)


def _see(request: HttpRequest, shown: Form) -> HttpResponse:
    target = address("form", shown.row.pk, user=request.user, patient=request.patient)
    return HttpResponse(status=303, headers={"Location": target})


def _draw(
    request: HttpRequest, shown: Form, form: AnswersForm | None, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {
        "shown": shown,
        "form": form,
        "answers": in_words(shown.row.kind, shown.row.answers or {}),
        "practice": profiles_for([request.patient.pk])[request.patient.pk],
    }
    return render(request, "portal/paperwork/form.html", context, status=status)
