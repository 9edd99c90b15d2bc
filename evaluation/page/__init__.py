"""The board as one self-contained HTML page with tables, charts, model cards and faces.

The page loads nothing from the network.
"""

from .html import to_html

__all__ = ["to_html"]
