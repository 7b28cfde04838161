"""How commands show tables."""

from collections.abc import Iterator, Sequence


def aligned(rows: Sequence[Sequence[str]], numbers: frozenset[str] = frozenset()) -> Iterator[str]:
    """Rows of cells as lines of columns, below a heading; columns of `numbers` end on one side."""
    right = [heading in numbers for heading in rows[0]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, right, strict=True)
        yield "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in cells).rstrip()
