"""The board as one self-contained HTML page: tables, charts, model cards, faces; no network."""

from .html import to_html

__all__ = ["to_html"]
