"""What a text costs: an accent nobody needs would make it twice as dear, or cut it in two."""

import pytest

from notifications.segments import segments, to_gsm7


@pytest.mark.req("M-03")
@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Main Street Dental: Nov 24", "Main Street Dental: Nov 24"),
        ("Dr. O’Neill said “hello” — twice…", 'Dr. O\'Neill said "hello" - twice...'),
        ("sáb 28 de nov, Dra. Peña", "sab 28 de nov, Dra. Peña"),
        ("mié 25: José Núñez-Ángel, ¿vendrá?", "mié 25: José Nuñez-Angel, ¿vendra?"),
        ("Dr. Łukasz Çelik, Françoise", "Dr. Lukasz Çelik, Francoise"),
        ("Dr. Nguyễn Thị Ánh", "Dr. Nguyen Thi Anh"),
        ("See you 😀 soon 👍🏽", "See you soon"),
        ("Family 👨‍👩‍👧 Dental ❤️", "Family Dental"),
        ("9:30\u202fAM\u00a0EST\u200b", "9:30 AM EST"),
        ("Pen\u0303a and Mu\u0308ller", "Peña and Müller"),
        ("Suite ½, № 3, Smile™", "Suite 1/2, No 3, SmileTM"),
        ("Costs 40 € [each] {or} ~50", "Costs 40 € [each] {or} ~50"),
        ("line\tone\x00", "line one"),
        ("", ""),
    ],
)
def test_a_text_is_written_with_the_letters_every_phone_has(written, sent):
    assert to_gsm7(written) == sent
    assert to_gsm7(sent) == sent


@pytest.mark.parametrize("text", ["Доктор Иванов", "李医生 “10:30”", "د. سلمى", "Δρ. Γεωργίου"])
def test_another_script_stays_as_it_was_written(text):
    assert to_gsm7(text) == text


@pytest.mark.req("M-03")
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        ("ñ" * 160, 1),
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("á" * 134, 2),
        ("á" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_a_text_is_billed_in_segments(text, count):
    assert segments(text) == count


def test_a_letter_of_two_places_is_not_cut_in_two():
    # 152 letters leave one place in the first part: the euro sign moves to the second.
    assert segments("a" * 152 + "€" + "a" * 151) == 2
    assert segments("a" * 152 + "€" + "a" * 152) == 3
