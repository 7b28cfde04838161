"""Sphinx's configuration: the site that `make docs` builds.

Nothing is taken from a network, neither when it is built nor when it is viewed. Pages are Markdown
(MyST), warnings are errors. What reference pages say is made while they are read
(reference_pages.py); formulas are MathML, which browsers draw by themselves.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

if TYPE_CHECKING:
    from sphinx.writers.html5 import HTML5Translator

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "workflow_scripts")]

import reference_pages  # noqa: E402

import posecache  # noqa: E402

project = "posecache"
author = "The posecache authors"
copyright = f"2026, {author}"
version = release = posecache.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nitpicky = True
default_role = "code"  # docstrings have names in single backticks
autodoc_typehints = "none"  # docstrings give shapes and units
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "posecache"
html_show_sourcelink = False
html_math_renderer = "mathml"


def inline_formula(self: "HTML5Translator", node: nodes.math) -> None:
    self.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def formula(self: "HTML5Translator", node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))
    app.connect("source-read", reference_pages.fill)
