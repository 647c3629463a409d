"""What a text from a patient asks for, in English and Spanish. Pure: words in, meaning out.

Consent may be taken back by any reasonable means (47 CFR 64.1200(a)(10)), so a stop is looked for
in the whole text, with slips of the finger. All else must be said plainly and alone; what is not
is UNCLEAR and waits for a person, and so does what may be a stop, such as "wrong number". A bare
YES is unclear too: carriers take it for START once a number has said STOP, while a patient may be
answering about a visit, so that it neither begins texts again nor confirms.
"""

import re

from notifications.enums import ReplyMeaning
from notifications.incoming import vocabulary
from notifications.incoming.naming import is_named_with_a_one
from notifications.incoming.spelling import clauses_of, plain, words_of

ABOUT_A_VISIT = re.compile(
    rf"\b{vocabulary.VISIT}\b(?! {vocabulary.MESSAGE})|\bresched\w+|\breprogram\w+"
)


def meaning_of(text: str) -> ReplyMeaning:
    """Return what a text asks for; what nobody could understand is UNCLEAR."""
    said, is_question = words_of(text), "?" in text
    if vocabulary.REACTION.match(plain(text)):
        return ReplyMeaning.UNCLEAR
    if _asks_to_stop(text, said):
        return ReplyMeaning.STOP
    if said in vocabulary.START:
        return ReplyMeaning.START
    if said in vocabulary.HELP:
        return ReplyMeaning.HELP
    if vocabulary.CALL.fullmatch(said) and not (is_question and said.isdigit()):
        return ReplyMeaning.CALL
    if vocabulary.CALL_ABOUT.fullmatch(said) and not is_question:
        return ReplyMeaning.CALL
    if is_named_with_a_one(text):
        return ReplyMeaning.CONFIRM
    if vocabulary.CONFIRM.fullmatch(said) and not is_question:  # "1?" is no answer
        return ReplyMeaning.CONFIRM
    return ReplyMeaning.UNCLEAR


def may_mean_the_visit(text: str) -> bool:
    """Return whether a stop may also be about a visit, so that a person is to read it as well."""
    said = words_of(text)
    return said in vocabulary.MAY_MEAN_THE_VISIT or bool(ABOUT_A_VISIT.search(said))


def _asks_to_stop(text: str, said: str) -> bool:
    alone = (vocabulary.STOP_ALONE, vocabulary.STOP_AS_A_WHOLE, vocabulary.MAY_MEAN_THE_VISIT)
    if any(said in words for words in alone):
        return True
    return any(_is_a_stop(clause) for clause in clauses_of(_without_our_closing(text)))


def _is_a_stop(clause: str) -> bool:
    if vocabulary.NOT_A_STOP.search(clause):
        return False
    is_word = clause in vocabulary.STOP_ALONE
    return is_word or any(pattern.search(clause) for pattern in vocabulary.STOP_SAID)


def _without_our_closing(text: str) -> str:
    """Leave out the way out at the end of a text of ours that somebody sends back to us."""
    rest = vocabulary.OUR_CLOSING.sub(" ", plain(text))
    return rest if len(rest.split()) > 3 else text
