"""The built course in a browser without network: every page is reached by clicks, and shows all."""

from playwright.sync_api import sync_playwright

from saflab.course.lessons import notebooks
from tools.browser import chromium
from tools.site import build_site


def test_click_through_the_course_offline(tmp_path):
    build_site(tmp_path)
    lessons = [path.stem for path in notebooks()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1000, "height": 900}, offline=True)
        page, asked, errors = context.new_page(), [], []
        page.on("request", lambda r: asked.append(r.url))
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.goto(f"file://{tmp_path}/index.html")
        page.get_by_role("link").first.click()
        for index, name in enumerate(lessons):
            assert page.url.endswith(f"{name}.html")
            assert page.evaluate("document.documentElement.scrollWidth") <= 1000
            heights = page.eval_on_selector_all("math", "all => all.map(m => m.clientHeight)")
            assert all(height > 5 for height in heights)
            if index + 1 < len(lessons):
                page.get_by_role("link", name=f"{lessons[index + 1]} →").last.click()
        page.get_by_role("link", name="All lessons").first.click()
        assert page.get_by_role("listitem").count() == len(lessons) + 1  # and the API reference
        page.get_by_role("link").last.click()
        assert "/api/" in page.url
        browser.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
