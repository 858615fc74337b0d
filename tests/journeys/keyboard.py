"""Hands without a mouse: what Playwright does to an element, done by Tab, arrows, Space and Enter.

Playwright's own methods are replaced by these (see the fixture `by_keyboard_on_sqlite`), so that one journey is walked
both ways.
"""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, Request

MOMENT = 150
"""Milliseconds in which a page that a key leads to has been asked for."""
STEPS = 250
"""Presses of Tab after which all of a page was passed, more than once."""
OPERATED = "element.closest('a[href], button, summary, input, select, textarea, [tabindex]') ?? element"
HAS_FOCUS = f"element => ({OPERATED}) === document.activeElement"
IN_ITS_GROUP = (
    "element => document.activeElement.type === 'radio' && document.activeElement.name === element.name "
    "&& document.activeElement.form === element.form"
)

_click, _fill, _select = Locator.click, Locator.fill, Locator.select_option


def reach(locator: Locator, arrived: str = HAS_FOCUS) -> None:
    """Tabs to an element, or to where a script says that one has arrived."""
    locator.wait_for()
    for _ in range(STEPS):
        if locator.evaluate(arrived):
            return
        locator.page.keyboard.press("Tab")
    raise AssertionError(f"{locator} can't be reached by keyboard")


def click(locator: Locator, **options: Any) -> None:
    """Opens a link, presses a button. With `force`, as where what is clicked is no control, the mouse does it."""
    if options.get("force"):
        _click(locator, **options)
        return
    reach(locator)
    is_box = locator.evaluate("element => element.matches('input[type=checkbox], input[type=radio]')")
    press(locator.page, "Space" if is_box else "Enter")


def press(page: Page, key: str) -> None:
    """Presses a key and, as a click does, waits for the page that it leads to, if it does."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    page.keyboard.press(key)
    page.wait_for_timeout(MOMENT)
    page.remove_listener("request", note)
    for request in asked:
        if request.is_navigation_request():
            request.response()
            page.wait_for_load_state()


def check(locator: Locator, **_options: Any) -> None:
    """Ticks a box, or goes through radio buttons to one."""
    keyboard = locator.page.keyboard
    if locator.get_attribute("type") == "radio":
        reach(locator, IN_ITS_GROUP)
        for _ in range(STEPS):
            if locator.is_checked():
                return
            keyboard.press("Space" if locator.evaluate(HAS_FOCUS) else "ArrowDown")
    reach(locator)
    if not locator.is_checked():
        keyboard.press("Space")


def fill(locator: Locator, value: str, **options: Any) -> None:
    """Types into a field that Tab leads to."""
    reach(locator)
    _fill(locator, value, **options)


def select_option(locator: Locator, *choice: Any, **options: Any) -> list[str]:
    """Chooses in a list that Tab leads to."""
    reach(locator)
    return _select(locator, *choice, **options)


HANDS: dict[str, Callable[..., Any]] = {"click": click, "check": check, "fill": fill, "select_option": select_option}
