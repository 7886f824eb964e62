"""One HTML page that needs nothing but itself: text, tables and charts, light and dark.

Every text is escaped, so an advisor's answer cannot become markup, and the page forbids itself
any request: it opens offline and asks no server for anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; `kind` is a class of the style sheet."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def bullets(lines: Iterable[str]) -> str:
    """Return a list of sentences."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    kinds: Sequence[str] = (),
    style: str = "",
    tall: bool = False,
) -> str:
    """Return a table, or a word where it would be empty.

    Parameters
    ----------
    heads : Sequence[str]
        Column heads; empty for none.
    rows : Sequence[Sequence[str]]
    kinds : Sequence[str], optional
        Class of each column: ``number``, ``text``, ``long`` or nothing. By default the first
        column is plain and the others are numbers.
    style : str, optional
        Class of the table.
    tall : bool, default False
        Whether it scrolls inside a box of its own.
    """
    if not rows:
        return paragraph("None.", "soft")
    width = len(rows[0])
    classes = [
        f' class="{kind}"' if kind else "" for kind in kinds or ("", *["number"] * (width - 1))
    ]

    def line(tag: str, cells: Sequence[str]) -> str:
        found = zip(cells, classes, strict=True)
        return f"<tr>{''.join(f'<{tag}{c}>{escape(cell)}</{tag}>' for cell, c in found)}</tr>"

    head = f"<thead>{line('th', heads)}</thead>" if heads else ""
    body = "".join(line("td", row) for row in rows)
    return (
        f'<div class="{"table tall" if tall else "table"}"><table class="{style}">{head}'
        f"<tbody>{body}</tbody></table></div>"
    )


def cards(found: Mapping[str, str]) -> str:
    """Return titled boxes side by side, below each other where there is no room."""
    boxes = (
        f'<div class="card"><h3>{escape(title)}</h3>{inside}</div>'
        for title, inside in found.items()
    )
    return f'<div class="cards">{"".join(boxes)}</div>'


def section(title: str, *parts: str) -> str:
    """Return a titled part of the page."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


class Page:
    """A page in the making; charts are kept aside and drawn when it is opened."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []
        self._figures: list[str] = []

    def add(self, *parts: str) -> None:
        """Add HTML."""
        self._parts += parts

    def chart(self, figure: go.Figure) -> str:
        """Return the place of a chart."""
        name = f"chart-{len(self._figures)}"
        # plotly's JSON has every "<" escaped: no text in it can end the script it stands in
        self._figures.append(f'"{name}":{figure.to_json()}')
        return f'<div class="chart" id="{name}" style="height:{figure.layout.height}px"></div>'

    def html(self) -> str:
        """Return the whole page."""
        room = files("ocw_strategy.backtest")
        style, script = (room.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self._title)}</title><style>{style}</style></head>"
            f"<body>{''.join(self._parts)}"
            f'<script type="application/json" id="figures">{{{",".join(self._figures)}}}</script>'
            f"<script>{get_plotlyjs()}</script><script>{script}</script></body></html>"
        )
