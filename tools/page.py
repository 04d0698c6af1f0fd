"""A notebook as an HTML page that needs no network: formulas as MathML, explorers as pictures."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import DictLoader

__all__ = ["mathml", "page"]

# nbconvert's page without what it would load: require.js, MathJax and Mermaid.
_TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
.equation { display: flex; align-items: center; gap: 1rem; padding: .8em 0; overflow-x: auto; }
.equation math { padding: .3em 0; }
.equation math { flex: 1; }
nav { padding: .8rem 1rem; font-family: sans-serif; }
</style>
{%- endblock -%}"""


def mathml(latex: str, *, block: bool) -> str:
    r"""Return LaTeX as MathML, a displayed equation with its `\tag` at the right.

    Raises:
        ValueError: If a command has no MathML counterpart.
    """
    from latex2mathml.converter import convert  # a development dependency

    tags = re.findall(r"\\tag\{([^{}]*)\}", latex)
    source = re.sub(r"\\tag\{[^{}]*\}", "", latex).replace("{aligned}", "{align*}")
    source = re.sub(r"\\arg\b", r"\\operatorname{arg}", source)
    out = convert(source, display="block" if block else "inline")
    # Browsers know no bold digit but Unicode's own.
    out = out.replace('<mn mathvariant="bold">1</mn>', "<mn>\U0001d7cf</mn>")
    unknown = re.findall(r"\\[A-Za-z]+", out)
    if unknown:
        raise ValueError(
            f"Expected LaTeX that MathML can show, but found {unknown[0]} in {latex!r}. "
            "Write it with another command."
        )
    if not block:
        return out
    return f'<div class="equation">{out}{"".join(f"<span>({tag})</span>" for tag in tags)}</div>'


def page(notebook: Any, title: str) -> str:
    """Return the page of a notebook; each output as its richest form that needs no script."""
    from nbconvert import HTMLExporter  # heavy, needed only here
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def block_math(self, body: str) -> str:
            return mathml(body, block=True)

        def inline_math(self, body: str) -> str:
            return mathml(body, block=False)

        def link(self, text: str, url: str, title: str | None = None) -> str:
            # Lessons have pages; a lab is worked on in JupyterLab and only named here.
            if re.fullmatch(r"[\w-]+\.ipynb", url):
                return super().link(text, url.removesuffix("ipynb") + "html", title)
            return text if url.endswith(".ipynb") else super().link(text, url, title)

    exporter = HTMLExporter(
        template_file="page.html.j2", extra_loaders=[DictLoader({"page.html.j2": _TEMPLATE})]
    )
    exporter.register_filter(
        "markdown2html", lambda source: MarkdownWithMath(Renderer(escape=False)).render(source)
    )
    return exporter.from_notebook_node(notebook, {"metadata": {"name": title}})[0]
