"""Figures as files."""

import io

from matplotlib.figure import Figure


def as_png(figure: Figure) -> bytes:
    """A figure as a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()
