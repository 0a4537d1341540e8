"""The frame of a page, and tables and bars in it: text alone, the same bytes everywhere."""

from collections.abc import Iterable, Sequence
from html import escape

STYLE = (
    "body{font:14px/1.4 sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#222}"
    "h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #ddd;padding:.25em .5em;text-align:right;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}"
    "svg{width:100%;height:auto}svg text{font:13px sans-serif;fill:#222}"
    ".value{fill:#7a9cc6}.base{fill:#3f6fa8}.owed{fill:#c9a24a}.less{fill:#b8b8b8}"
    ".free{fill:#4d9a5b}.lack{fill:#b5483f}code{word-break:break-all}"
)


def page(title: str, *parts: str) -> str:
    """A whole page; the parts are HTML already."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of plain words."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>\n"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def yuan(amount: int) -> str:
    """Fen as yuan."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100:,}.{abs(amount) % 100:02d}"


def percent(ppm: int) -> str:
    """A ratio as it is read, four places."""
    sign = "-" if ppm < 0 else ""
    return f"{sign}{abs(ppm) // 10_000}.{abs(ppm) % 10_000:04d} %"
