"""The site: Sphinx with MyST, so that every page stays Markdown that a code host shows as well.

`make site` builds it into build/site. A link that leads nowhere, a page outside the navigation and
a docstring that does not parse are errors. Nothing is fetched: fonts are the reader's own.
"""

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:\s]+)\)")
ON_SITE = re.compile(r"<!-- site: (.*?) -->", re.DOTALL)

project = "landmark-zoo"
author = "the landmark-zoo authors"
copyright = "the landmark-zoo authors; MIT licence"
version = release = metadata.version("landmark-zoo")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["examples", "records"]
root_doc = "index"
# Indented blocks are commands and their output; fenced ones name their language.
highlight_language = "text"
# The board is written by `zoo leaderboard --format md`, for a README as well: it starts at H2.
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
myst_url_schemes = ["http", "https", "mailto"]

# Docstrings have the sections of Google's style: Args, Returns, Raises.
napoleon_numpy_docstring = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "landmark-zoo"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b6e4f",
        "color-brand-content": "#0b6e4f",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5fd3a8",
        "color-brand-content": "#5fd3a8",
    },
}


def leave_out_links(app: Any, name: str, source: list[str]) -> None:
    """A link to a folder, or out of the pages, leads somewhere on a code host and not on the site:
    there its words stay alone. Where it leads nowhere at all it is left, to be an error."""

    def checked(link: re.Match[str]) -> str:
        target = (DOCS / name).parent.joinpath(link[2]).resolve()
        elsewhere = target.is_dir() or (target.exists() and DOCS not in target.parents)
        return link[1] if elsewhere else link[0]

    source[0] = LINK.sub(checked, source[0])


def show_what_the_site_has(app: Any, name: str, source: list[str]) -> None:
    """A comment `<!-- site: ... -->` stands for what the site alone has, such as the page of the
    board, which `make site` makes beside it."""
    source[0] = ON_SITE.sub(r"\1", source[0])


def fill(app: Any, name: str, source: list[str]) -> None:
    """The reference's lists are made of the code: docs/reference/generated.py."""
    if "<!-- generated: " in source[0]:
        sys.path.insert(0, str(DOCS / "reference"))
        from generated import filled

        source[0] = filled(source[0])


def setup(app: Any) -> None:
    app.connect("source-read", leave_out_links)
    app.connect("source-read", show_what_the_site_has)
    app.connect("source-read", fill)
