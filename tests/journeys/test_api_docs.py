"""The API's own description, as a developer's browser shows it."""

from playwright.sync_api import Page, expect

from tests.journeys.conftest import LiveApi


def test_the_docs_show_every_call_and_ask_no_other_host(live_api: LiveApi, page: Page) -> None:
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live_api.address}/api/v1/docs")
    expect(page.locator(".opblock-summary-path", has_text="/api/v1/batch")).to_be_visible()
    assert page.locator(".opblock").count() == 22
    expect(page.get_by_role("heading", name="Concord API")).to_be_visible()
    page.locator(".opblock-summary-control").first.click()
    expect(page.locator(".responses-table").first).to_be_visible()
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("Available authorizations")).to_be_visible()
    assert said == []
    assert [url for url in asked if not url.startswith((live_api.address, "data:"))] == []
