"""A questionnaire as a form of a page: fields made from its questions, complaints beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms

from portal.questionnaires import Answer, Kind, Question, Questionnaire, Section

WIDGETS: dict[Kind, tuple[type[forms.Widget], dict[str, Any]]] = {
    Kind.TEXT: (forms.TextInput, {"autocomplete": "off"}),
    Kind.LONG_TEXT: (forms.Textarea, {"rows": 4, "class": "input"}),
    Kind.YES_NO: (forms.RadioSelect, {}),
    Kind.CHOICE: (forms.RadioSelect, {}),
    Kind.SEVERAL: (forms.CheckboxSelectMultiple, {}),
    Kind.DATE: (forms.TextInput, {"type": "date", "min": "1900-01-01"}),
    Kind.PHONE: (forms.TextInput, {"type": "tel", "inputmode": "tel", "autocomplete": "off"}),
    Kind.TICK: (forms.CheckboxInput, {}),
}


@dataclass(frozen=True)
class Asked:
    """A question with its field, as the page draws it."""

    question: Question
    field: forms.BoundField

    @property
    def is_group(self) -> bool:
        """Return whether it is answered by choosing: several controls under one legend."""
        return bool(self.question.options)

    @property
    def is_tick(self) -> bool:
        return self.question.kind == Kind.TICK

    @property
    def target(self) -> str:
        """Return the id of its first control."""
        return f"{self.field.auto_id}_0" if self.is_group else self.field.auto_id


class AnswersForm(forms.Form):
    """Answers to a questionnaire, checked by it alone: the fields refuse nothing by themselves."""

    def __init__(self, asked: Questionnaire, data: Any = None) -> None:
        super().__init__(data)
        self.asked = asked
        self.fields |= {each.key: _field(each) for each in asked.questions}

    def clean(self) -> dict[str, Answer]:
        """Return the answers as they are kept."""
        answers = {
            each.key: each.kept(_as_answer(self.cleaned_data[each.key]))
            for each in self.asked.questions
            if each.key in self.cleaned_data
        }
        for key, complaint in self.asked.complaints(answers).items():
            if key not in self.errors:
                self.add_error(key, complaint)
        return answers

    def sections(self) -> Iterator[tuple[Section, list[Asked]]]:
        """Return the sections with their questions as the page draws them."""
        for section in self.asked.sections:
            yield section, [Asked(each, self[each.key]) for each in section.questions]

    def complaints(self) -> list[Asked]:
        """Return the questions whose answers are wrong, in the order they are asked."""
        asked = (Asked(each, self[each.key]) for each in self.asked.questions)
        return [each for each in asked if each.field.errors]


def _field(question: Question) -> forms.Field:
    """Return the field of a question; that it is required is for the questionnaire to say."""
    kind, attrs = WIDGETS[question.kind]
    options = {"choices": question.options} if question.options else {}
    widget = kind(attrs=dict(attrs), **options)
    shared = {"label": question.label, "help_text": question.hint, "widget": widget}
    shared["required"] = False
    if question.kind == Kind.TICK:
        return forms.BooleanField(**shared)
    if question.kind == Kind.SEVERAL:
        return forms.MultipleChoiceField(**shared, choices=question.options)
    return forms.CharField(**shared)


def _as_answer(value: Any) -> Answer:
    if isinstance(value, bool):
        return "yes" if value else ""
    return value
