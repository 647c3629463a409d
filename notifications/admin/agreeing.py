"""What a patient says at the desk about one address: verified, agreed, withdrawn. One page each.

Each shows the wording in full and changes nothing until it is confirmed; everything goes through
the services, with the member of staff as the actor.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from notifications import audit, clock, consent, contacts
from notifications.enums import AuditAction, ContactKind, Purpose
from notifications.models import ContactPoint
from notifications.types import Refused

ASKED = {
    Purpose.TREATMENT: _("Messages about care"),
    Purpose.MARKETING: _("News and offers: by itself, and never needed for care"),
}


class Source(models.TextChoices):
    """How the desk heard it. Files and the portal have words of their own."""

    PAPER = "paper", _("On paper, signed")
    PHONE = "phone", _("On the phone")
    IN_PERSON = "in_person", _("In person")


class AnswerForm(forms.Form):
    """A box for each thing that may be said here, none of them ticked."""

    source = forms.ChoiceField(label=_("how we know"), choices=Source.choices)

    def __init__(self, *args: Any, contact: ContactPoint, purposes: list[Purpose], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.contact, self.purposes = contact, purposes
        for purpose in purposes:
            version = consent.current_wording(kind=contact.kind, purpose=purpose)
            self.fields[str(purpose)] = forms.BooleanField(
                label=ASKED[purpose], required=False, help_text=consent.WORDINGS[version]
            )
            self.fields[f"{purpose}_wording"] = forms.CharField(
                initial=version, widget=forms.HiddenInput
            )
        self.order_fields([*map(str, purposes), "source"])

    def ticked(self) -> list[Purpose]:
        return [purpose for purpose in self.purposes if self.cleaned_data.get(str(purpose))]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.ticked():
            raise forms.ValidationError(_("Tick what the patient said."))
        return cleaned


class YesForm(AnswerForm):
    """A yes. Advertising needs it in writing (47 CFR 64.1200(f)(9))."""

    at = forms.SplitDateTimeField(
        label=_("when, if not now"),
        required=False,
        widget=forms.SplitDateTimeWidget(
            date_attrs={"type": "date", "aria-label": _("Day")},
            time_attrs={"type": "time", "aria-label": _("Time")},
            time_format="%H:%M",
        ),
    )

    def clean_at(self) -> datetime | None:
        at = self.cleaned_data["at"]
        if at is not None and at > clock.now():
            raise forms.ValidationError(_("This moment is still to come."))
        return at

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if Purpose.MARKETING in self.ticked() and cleaned.get("source") != Source.PAPER:
            self.add_error("source", _("News and offers need a yes in writing."))
        return cleaned


class SaidAtTheDesk(admin.ModelAdmin):
    """Mixed into the admin of addresses: the pages, and who may use them."""

    def get_urls(self) -> list[URLPattern]:
        pages = {"agree": self.agree, "withdraw": self.withdraw, "verify": self.verify}
        own = [
            path(
                f"<uuid:pk>/{name}/",
                self.admin_site.admin_view(view),
                name=f"notifications_contactpoint_{name}",
            )
            for name, view in pages.items()
        ]
        return [*own, *super().get_urls()]

    def agree(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Record a patient's yes to what is shown."""
        contact = self._find(request, pk)
        purposes = contacts.purposes_for(kind=contact.kind)
        form = YesForm(request.POST or None, contact=contact, purposes=purposes)
        if form.is_valid() and self._answered(request, form, granted=True):
            return self._done(request, contact, _("What the patient agreed to is recorded."))
        return self._ask(request, contact, form, title=_("Record consent"))

    def withdraw(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Record that a patient takes a yes back, from now on."""
        contact = self._find(request, pk)
        said = consent.last_words(contact=contact)
        asked = contacts.purposes_for(kind=contact.kind)
        purposes = [each for each in asked if each in said and said[each].granted]
        form = AnswerForm(request.POST or None, contact=contact, purposes=purposes)
        if form.is_valid() and self._answered(request, form, granted=False):
            return self._done(request, contact, _("The consent is withdrawn, from now on."))
        return self._ask(request, contact, form, title=_("Withdraw consent"))

    def verify(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Accept an address because somebody showed in person that it is theirs."""
        contact, actor = self._find(request, pk), audit.actor_of(request.user)
        if request.method == "POST":
            contacts.mark_verified(contact_id=contact.pk, actor=actor)
            return self._done(request, contact, _("The address is verified."))
        return self._ask(request, contact, forms.Form(), title=_("Verified in person"))

    # -- what the pages share ---------------------------------------------------------------

    def _find(self, request: HttpRequest, pk: UUID) -> ContactPoint:
        """Return an address people are asked at. Others, such as a device's, are a 404."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        asked = ContactPoint.objects.filter(kind__in=[ContactKind.EMAIL, ContactKind.PHONE])
        in_use = asked.exclude(status__in=contacts.GONE).select_related("patient")
        return get_object_or_404(in_use, pk=pk)

    def _answered(self, request: HttpRequest, form: AnswerForm, *, granted: bool) -> bool:
        """Record what is ticked, all of it or nothing; False with the reason on the form."""
        try:
            with transaction.atomic():
                for purpose in form.ticked():
                    contacts.answer(
                        contact=form.contact,
                        purpose=purpose,
                        granted=granted,
                        wording=form.cleaned_data[f"{purpose}_wording"],
                        source=form.cleaned_data["source"],
                        at=form.cleaned_data.get("at"),
                        actor=audit.actor_of(request.user),
                    )
        except Refused as refusal:
            form.add_error(None, refusal.message)
            return False
        self._warn_of_a_later_no(request, form, granted=granted)
        return True

    def _warn_of_a_later_no(self, request: HttpRequest, form: AnswerForm, *, granted: bool) -> None:
        said = consent.last_words(contact=form.contact)
        if granted and not all(said[purpose].granted for purpose in form.ticked()):
            warning = _("It is recorded, but the patient has said no since then: that counts.")
            self.message_user(request, warning, messages.WARNING)

    def _done(self, request: HttpRequest, contact: ContactPoint, said: str) -> HttpResponse:
        self.log_change(request, contact, [])
        self.message_user(request, said, messages.SUCCESS)
        return redirect(reverse("admin:notifications_contactpoint_change", args=[contact.pk]))

    def _ask(
        self, request: HttpRequest, contact: ContactPoint, form: forms.Form, *, title: str
    ) -> TemplateResponse:
        audit.record(
            action=AuditAction.VIEWED,
            actor=audit.actor_of(request.user),
            patient_id=contact.patient_id,
            obj=contact,
        )
        context = self.admin_site.each_context(request) | {
            "title": title,
            "opts": self.opts,
            "original": contact,
            "masked": contacts.masked(contact),
            "patient_name": self.patient_name(contact),
            "must_verify": contact.kind == ContactKind.PHONE and contact.verified_at is None,
            "form": form,
        }
        template = "admin/notifications/contactpoint/ask.html"
        return TemplateResponse(request, template, context)
