"""How hard a text is to read: the school grade it asks for, by Flesch and Kincaid.

The formula: 0.39 words a sentence + 11.8 syllables a word - 15.59 (Kincaid, Fishburne, Rogers and
Chissom, "Derivation of New Readability Formulas", US Navy Research Branch Report 8-75, 1975).
Syllables are counted by groups of vowels, which is right for nine words in ten.
"""

import re

SENTENCE = re.compile(r"[.!?:]+(?:\s+|$)|\n+")
WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
SILENT = re.compile(r"(?:[^laeiouy]es|[^aeiouytd]ed|[^laeiouy]e)$")  # "names", "turned", "care"
VOWELS = re.compile(r"[aeiouy]+")
SHORTEST = 5  # words: a heading or a button is no sentence


def grade(text: str) -> float:
    """Return the grade of a text; that of a heading or a button is 0."""
    counted = [WORD.findall(each) for each in SENTENCE.split(text)]
    sentences = [words for words in counted if len(words) >= SHORTEST]
    if not sentences:
        return 0.0
    words = [word for sentence in sentences for word in sentence]
    syllables = sum(map(syllables_of, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def syllables_of(word: str) -> int:
    """Return how many syllables a word has, counted by its vowels; at least one."""
    plain = word.lower().replace("'", "").replace("’", "")
    groups = VOWELS.findall(SILENT.sub(_last, plain))
    return max(1, len(groups))


def _last(found: re.Match) -> str:
    """Return an ending without the vowel that is not spoken."""
    return found[0].replace("e", "")
