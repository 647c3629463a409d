"""A form from the message that asks for it to the answers kept, and a bill; by keys and bare."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe, expect_focus

pytestmark = pytest.mark.browser

NAME = """() => {
    const here = document.activeElement;
    const label = here.labels?.[0] ?? here;
    const group = here.closest("fieldset")?.querySelector("legend").innerText ?? "";
    return `${group.trim()} ${label.innerText.trim()}`.trim();
}"""


def tab_to(page, name: str, *, most: int = 90) -> None:
    """Press Tab until the control whose name begins so has the focus."""
    for _press in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(NAME).startswith(name):
            return
    raise AssertionError(f"{name!r} cannot be reached by keyboard")


def answer(page, question: str, choice: str) -> None:
    """Choose one answer of a question by keys: to its group, then down to the choice."""
    tab_to(page, question)
    page.keyboard.press("Space")
    while not page.evaluate(NAME).endswith(choice):
        page.keyboard.press("ArrowDown")


def test_p11_a_form_is_filled_in_by_keyboard_alone_from_its_message(visitor, desk, ana):
    form = desk.ask_for_form(patient_id=ana.id)
    page = visitor().sign_in(ana, "/notifications/")
    for heading in ("Forms", "Health history"):  # from the message, then from the list
        tab_to(page, "Fill in")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    tab_to(page, "Send my answers")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is sent yet. Please check:")).to_be_visible()
    page.wait_for_function("document.activeElement.id === 'errors'")
    assert axe(page) == []

    tab_to(page, "Are you allergic")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'id_allergies_0'")
    tab_to(page, "Are you allergic to any of these? None of these")
    page.keyboard.press("Space")
    tab_to(page, "Which medicines do you take?")
    page.keyboard.type("none")
    answer(page, "Do you take a blood thinner?", "No")
    tab_to(page, "Do you have, or did you have, any of these? None of these")
    page.keyboard.press("Space")
    answer(page, "Do you have an artificial joint", "No")
    answer(page, "Are you pregnant", "This does not apply to me")
    answer(page, "Do you smoke", "Never")
    tab_to(page, "Whom should we call?")
    page.keyboard.type("Carla, my mother")
    tab_to(page, "Their phone number")
    page.keyboard.type("212-555-0177")
    tab_to(page, "I confirm that this is true")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Thank you. We have your answers.")).to_be_visible()
    expect(page.locator("main .done-line")).to_contain_text("Filled in")
    expect(page.locator("main")).to_contain_text("Carla, my mother")
    assert axe(page) == []
    assert desk.answers_to(form_id=form)["allergies"] == ["none"]
    page.goto(f"{page.url.split('/forms')[0]}/notifications/")
    expect(page.locator("#list .done-line").first).to_contain_text("Filled in")


def test_p08_forms_and_bills_work_without_script(visitor, desk, ana):
    form = desk.ask_for_form(patient_id=ana.id, kind="insurance_details")
    bill = desk.bill(patient_id=ana.id)
    page = visitor(java_script_enabled=False, width=390).sign_in(ana)
    to_do = page.get_by_role("region", name="To do")
    expect(to_do).to_contain_text("Bill of $120.50")
    to_do.get_by_role("link", name="Fill in").click()
    page.get_by_label("Name of the plan").fill("Family Plus")
    page.get_by_role("button", name="Send my answers").click()
    expect(page.get_by_text("Nothing is sent yet.")).to_be_visible()
    expect(page.get_by_label("Name of the plan")).to_have_value("Family Plus")
    page.get_by_label("Yes").check()
    page.get_by_label("I confirm that this is true").check()
    page.get_by_role("button", name="Send my answers").click()
    expect(page.locator("main .done-line")).to_contain_text("Filled in")
    assert desk.answers_to(form_id=form)["plan"] == "Family Plus"

    page.locator(".top summary").click()
    page.get_by_role("link", name="Bills").click()
    page.get_by_role("link", name="Pay").click()
    page.wait_for_url(f"**/statements/{bill}/")
    page.get_by_label("What would you like to know?").fill("Is the X-ray in it?")
    page.get_by_role("button", name="I have a question about this bill").click()
    expect(page.get_by_text("You asked for a call on")).to_be_visible()
    page.get_by_role("button", name="Never mind").click()
    expect(page.get_by_role("button", name="I have a question about this bill")).to_be_visible()


@pytest.mark.req("P-10")
def test_p10_a_question_about_a_bill_stays_in_place_and_keeps_the_focus(visitor, desk, ana):
    bill = desk.bill(patient_id=ana.id)
    page = visitor(color_scheme="dark", width=320).sign_in(ana, f"/statements/{bill}/")
    page.get_by_role("button", name="I have a question about this bill").press("Enter")
    expect(page.get_by_text("You asked for a call on")).to_be_visible()
    expect(page.locator("#status")).to_have_text("We will call you about this bill.")
    expect_focus(page, text="Never mind")
    assert axe(page) == []
    page.keyboard.press("Enter")
    expect_focus(page, text="I have a question about this bill")
    assert axe(page) == []
