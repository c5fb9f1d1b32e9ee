"""Works on the site in a real browser: the timeline, what a citation tells, and the search."""

from __future__ import annotations

import pytest

WORKS = "[...document.querySelectorAll('.timeline {0}')].filter(e => e.checkVisibility())"
OVERLAPS = """boxes => boxes.some((a, at) => boxes.slice(at + 1).some(b => a.left < b.right - 1
    && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1))"""


@pytest.mark.browser
def test_the_timeline_filters_and_draws_by_mouse_and_by_keyboard(address, browser):
    page = browser.new_page(viewport={"width": 1240, "height": 800})
    page.goto(address + "state-of-the-art/timeline/", wait_until="load")
    points = WORKS.format("[data-key]")
    boxes = f"({OVERLAPS})({points}.map(e => e.getBoundingClientRect()))"
    assert page.evaluate(f"{points}.length") > 150 and not page.evaluate(boxes)

    page.hover("[data-key=goodfellow2014gan]")
    card = page.locator(".timeline .card")
    assert "Goodfellow" in card.inner_text() and "imggen/methods/gan.py" in card.inner_text()
    page.locator("[data-key=song2021ddim]").click()
    page.hover("[data-key=goodfellow2014gan]")
    assert page.locator(".arrows path.base").count() == 1 and "DDIM" in card.inner_text()
    assert page.locator("[data-key].base").get_attribute("data-key") == "ho2020ddpm"
    card.get_by_role("link", name="DDPM").click()
    assert page.evaluate("document.activeElement.dataset.key") == "ho2020ddpm"
    page.keyboard.press("ArrowDown")
    focused = page.locator("[data-key]:focus")
    assert focused.get_attribute("data-key") == "song2021ddim" and "DDIM" in card.inner_text()
    page.keyboard.press("Tab")
    assert card.get_by_role("link").first.evaluate("a => a === document.activeElement")

    form = page.get_by_role("search", name="Filter the works")
    form.get_by_role("radio", name="all").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(WORKS.format(".lane") + ".map(e => e.dataset.family)") == ["vae"]
    form.locator("label", has_text="all").click()
    find = form.get_by_role("searchbox", name="Find")
    find.fill("song 2021 nothing")
    assert "none fits" in page.locator("output").inner_text()
    find.fill("implicit models")
    assert page.evaluate(points + ".map(e => e.dataset.key)") == ["song2021ddim"]
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate(WORKS.format("li") + ".map(e => e.id)") == ["t-song2021ddim"]
    assert page.evaluate(f"{points}.length") == 0
    page.close()


@pytest.mark.browser
def test_without_scripts_works_are_listed_in_the_order_of_time(address, browser):
    wide = {"width": 1440, "height": 900}
    context = browser.new_context(java_script_enabled=False, viewport=wide)
    page = context.new_page()
    page.goto(address + "state-of-the-art/timeline/", wait_until="load")
    years = page.locator(".timeline-list h2:visible").all_inner_texts()
    assert years == sorted(years) and years[0] == "2013" and years[-1] == "2026"
    assert page.locator(".timeline-board").is_hidden()
    assert page.locator(".timeline-filter").is_hidden()
    context.close()


@pytest.mark.browser
def test_a_citation_tells_what_it_cites_on_hover_and_on_focus(address, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(address + "fr/rapport-de-decembre/", wait_until="load")
    link = page.locator("a.cite", has_text="Goodfellow").first
    told = page.get_by_role("tooltip")
    assert told.count() == 0
    link.hover()
    assert told.locator("strong").inner_text() == "Generative Adversarial Nets"
    page.mouse.move(1, 1)
    told.wait_for(state="hidden")
    link.focus()
    assert "second network" in told.inner_text() and link.get_attribute("aria-describedby")
    box = told.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    page.keyboard.press("Escape")
    assert told.count() == 0 and link.get_attribute("aria-describedby") is None
    link.press("Enter")
    assert page.evaluate("location.hash") == "#ref-goodfellow2014gan"
    page.close()


@pytest.mark.browser
def test_search_finds_posts_in_both_languages(whole_address, browser):
    page = browser.new_page()
    page.goto(whole_address, wait_until="load")
    for asked, found in (("autoguidance", "blog/"), ("vraisemblance", "fr/")):
        page.fill(".md-search__input", asked)
        links = page.locator(".md-search-result__link")
        links.first.wait_for()
        assert any(f"/imggen/{found}" in link.get_attribute("href") for link in links.all()), asked
    page.close()
