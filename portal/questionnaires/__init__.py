"""The forms patients can fill in here, one file each: words and questions, no page and no table.

A file of this folder holds a `QUESTIONNAIRE`, whose key is the file's name. Nothing else has to
know of it: pages, admin and tests find it here.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from django.core.exceptions import ImproperlyConfigured

from portal.questionnaires._questions import (
    NONE,
    Answer,
    Kind,
    Question,
    Questionnaire,
    Section,
)

__all__ = [
    "NONE",
    "Answer",
    "Kind",
    "Question",
    "Questionnaire",
    "Section",
    "find",
    "in_words",
    "known",
]


def find(key: str) -> Questionnaire | None:
    """Return the questionnaire of a kind of form; None for paper, and where its file is gone."""
    return _by_key.get(key)


def known() -> list[Questionnaire]:
    """Return all of them, in the order of their keys."""
    return [_by_key[key] for key in sorted(_by_key)]


def in_words(
    key: str, answers: Mapping[str, Answer]
) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Return answers as people read them: sections, and in each the questions and their lines.

    Of a questionnaire whose file is gone, the answers by their keys. Without answers: nothing.
    """
    asked = find(key)
    if not answers:
        return []
    if asked is None:
        return [
            ("", [(name, Question(key=name, label="").read_out(answers[name])) for name in answers])
        ]
    return [(str(each.title), _said(each, answers)) for each in asked.sections]


def _said(section: Section, answers: Mapping[str, Answer]) -> list[tuple[str, list[str]]]:
    return [
        (str(each.label), each.read_out(answers.get(each.key, ""))) for each in section.questions
    ]


def _found() -> dict[str, Questionnaire]:
    names = [each.name for each in pkgutil.iter_modules(__path__) if each.name[0] != "_"]
    return {name: _checked(name) for name in names}


def _checked(name: str) -> Questionnaire:
    found = import_module(f"{__name__}.{name}").QUESTIONNAIRE
    if found.key != name:
        raise ImproperlyConfigured(f"the questionnaire in {name}.py calls itself {found.key!r}")
    found.check_definition()
    return found


_by_key = _found()
