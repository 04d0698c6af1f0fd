"""Browser tests run where Chromium and playwright are found, and say so where they are not."""

import pytest

from tools.browser import chromium


def pytest_collection_modifyitems(items):
    try:
        import playwright.sync_api  # noqa: F401

        missing = None if chromium() else "no Chromium on PATH"
    except ImportError:
        missing = "playwright is not installed"
    if missing:
        reason = f"browser tests left out: {missing}; install it to run them"
        for item in items:
            if "e2e" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason=reason))
