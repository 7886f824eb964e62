"""Reading a report back: its tables as text, its charts as numbers."""

import base64
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.addresses: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self._inside = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        elif self._inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def table_rows(page: str) -> list[tuple[str, ...]]:
    """Return every row of every table of a page."""
    reader = _Tables()
    reader.feed(page)
    return [tuple(row) for row in reader.rows]


def addresses(page: str) -> list[str]:
    """Return what a page's elements point to."""
    reader = _Tables()
    reader.feed(page)
    return reader.addresses


def report_figures(page: str) -> list[Any]:
    """Return the charts of a report, as plain JSON."""
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found
    return list(json.loads(found[1]).values())


def tearsheet_figure(page: str) -> Any:
    """Return the traces of a tearsheet, as plain JSON."""
    found = re.search(r'Plotly\.newPlot\(\s*"[^"]+",\s*', page)
    assert found
    traces, _ = json.JSONDecoder().raw_decode(page, found.end())
    return traces


def numbers(values: Any) -> list[float]:
    """Return a chart's column, whether it is a list or packed."""
    if isinstance(values, list):
        return values
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
