"""Explorers and trainer with the widget managers of other hosts than JupyterLab.

Neither VS Code nor Colab runs here. VS Code's Jupyter extension shows widgets with the manager in
the npm package @vscode/jupyter-ipywidgets8; Colab's manager derives from the HTMLManager of
@jupyter-widgets/html-manager. Both are driven in Chromium against a real kernel.
"""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from test_lab import label, wait_for

from tools.browser import open_lab

PACKAGES = {
    "vscode": ("@vscode/jupyter-ipywidgets8@1.0.9", "dist/ipywidgets.js"),
    "html": ("@jupyter-widgets/html-manager@1.0.15", "dist/embed-amd.js"),
    "require": ("requirejs@2.3.8", "require.js"),
}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """Return a folder with the managers' scripts from npm, and AnyWidget's of this environment."""
    if shutil.which("npm") is None:
        pytest.skip("widget managers of other hosts left out: no npm on PATH")
    folder = tmp_path_factory.mktemp("hosts")
    for package, file in PACKAGES.values():
        packed = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, timeout=120,
                                capture_output=True, text=True)  # fmt: skip
        if packed.returncode:
            pytest.skip(f"widget managers of other hosts left out: npm cannot fetch {package}")
        with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
            script = archive.extractfile(f"package/{file}")
            assert script is not None
            (folder / Path(file).name).write_bytes(script.read())
    shutil.copy(
        Path(sys.prefix, "share/jupyter/nbextensions/anywidget/index.js"), folder / "anywidget.js"
    )
    return folder


@pytest.mark.parametrize("host", ["vscode", "html"])
def test_explorer_and_trainer_live_in_another_host(host, scripts):
    with open_lab([]) as page:
        failed = []
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.route("**/hosts/*", lambda route: route.fulfill(
            path=scripts / Path(route.request.url).name, content_type="text/javascript"
        ))  # fmt: skip
        source = Path(__file__).with_name("hosts.js").read_text()
        page.evaluate(f"async name => {{ {source}; await host(name); }}", host)

        shown = page.locator("#host")
        page.evaluate("show('from saflab import widgets; e = widgets.NeuronExplorer(); e')")
        shown.locator(".saflab-picture svg").first.wait_for(timeout=30_000)
        before = label(shown)
        shown.get_by_role("slider", name="decay λ").focus()
        page.keyboard.press("ArrowLeft")
        wait_for(lambda: label(shown) != before)
        shown.get_by_label("Preset").select_option("no decay: a counter")
        wait_for(lambda: "peaks at 1.00" in label(shown))
        shown.get_by_role("button", name="Copy as code").click()
        wait_for(lambda: "scenes.neuron(decay=1.0" in shown.locator("pre").inner_text())

        page.evaluate("""show(`t = widgets.LiveTrainer(channels=(32, 32), batch=50)
t.data.value, t.epochs.value = "digits", 300
t`)""")
        sentence = shown.locator(".saflab-sentence").first
        shown.get_by_role("button", name="Start", exact=True).click()
        wait_for(lambda: shown.locator(".saflab-picture svg").count() >= 4)
        shown.get_by_role("button", name="Pause", exact=True).click()
        wait_for(lambda: "paused at update" in sentence.inner_text())
        shown.get_by_role("button", name="Resume", exact=True).click()
        wait_for(lambda: "running at update" in sentence.inner_text())
        shown.get_by_role("button", name="Stop", exact=True).click()
        wait_for(lambda: "stopped at update" in sentence.inner_text())
        assert shown.locator(".saflab-error:visible").count() == 0
        assert failed == []
        page.evaluate("end()")
