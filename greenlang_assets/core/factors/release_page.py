"""The release report's first page: what the catalogue covers and where it is thin, understood in a minute.

Belongs here: HTML and the heat map, drawn as inline SVG.
Does not belong here: the figures (``release_report``), the verdicts (``resources.expectations``).

One file without scripts and without anything from elsewhere; the same release gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import polars as pl

from greenlang_assets.core.factors.release_expectations import CRITICAL, SUITES, Verdict
from greenlang_assets.core.factors.release_report import FIRST_YEAR, GOAL, Release

_INK, _SOFT, _LINE = "#1f2933", "#6b7885", "#d9e0e7"
#: Few to many: light to dark of one green, so that it reads in grey as well.
_LIGHT, _DARK = (230, 244, 238), (9, 92, 69)
_EMPTY = "#f6f7f9"
_DRIFT_ROWS, _GAP_ROWS = 8, 9
_STYLE = f"""
body{{font:15px/1.45 system-ui,sans-serif;color:{_INK};margin:1.6rem auto 4rem}}
body{{max-width:70rem;padding:0 1.2rem}}
h1{{font-size:1.6rem;margin:0}}h2{{font-size:1.15rem;margin:2rem 0 .5rem}}p{{margin:.35rem 0}}
.soft{{color:{_SOFT}}}code{{font-size:.85em;overflow-wrap:anywhere}}
.tiles{{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.7rem;margin:1.1rem 0}}
.tile{{border:1px solid {_LINE};border-radius:8px;padding:.55rem .85rem}}
.tile b{{display:block;font-size:1.4rem;line-height:1.25;white-space:nowrap}}
.tile span{{color:{_SOFT};font-size:.85rem}}
.two{{display:grid;grid-template-columns:1fr 1fr;gap:2rem;align-items:start}}
@media (max-width:60rem){{.two{{grid-template-columns:1fr}}}}
table{{border-collapse:collapse;width:100%;font-size:.85rem}}
th{{text-align:left;color:{_SOFT};font-weight:600}}
th,td{{border-bottom:1px solid #e9edf1;padding:.28rem .5rem .28rem 0;vertical-align:top}}
.n{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
ol.gaps{{margin:0;padding-left:1.2rem}}ol.gaps li{{margin-bottom:.45rem}}
.ok{{color:#0b7a5c}}.bad{{color:#b42318}}.warn{{color:#b4540a}}.mark{{font-weight:700;width:1.2rem}}
svg{{max-width:100%;height:auto;display:block}}.bar{{background:#0b7a5c;height:.55rem;border-radius:2px}}
.id{{overflow-wrap:anywhere}}
"""


def page(
    release: Release, verdicts: Sequence[Verdict], *, catalogue: str, docs: str = "data-docs/index.html"
) -> str:
    """The page.

    Args:
        release: the figures.
        verdicts: what became of each expectation.
        catalogue: content hash of what was measured.
        docs: where the Data Docs lie, from this page.
    """
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>Emission factors: release report</title>',
            f"<style>{_STYLE}</style></head><body>",
            "<h1>Emission factors: what is here, and what is not</h1>",
            f'<p class="soft">Catalogue <code>{escape(catalogue)}</code></p>',
            _lead(release, verdicts, docs),
            _tiles(release),
            "<h2>Who covers which year</h2>",
            '<p class="soft">Factors by publisher and the year that they describe. Empty means none.</p>',
            heat_map(release.heat),
            '<div class="two"><div><h2>What is covered</h2>',
            _topics(release.topics),
            "</div><div><h2>Where it is thin</h2>",
            _gaps(release.gaps),
            "</div></div>",
            '<div class="two"><div><h2>Is it sound?</h2>',
            _suites(verdicts, docs),
            "</div><div><h2>May it be used?</h2>",
            _licences(release.licences),
            "</div></div>",
            "<h2>What changed with the last edition</h2>",
            _drift(release.drift),
            "<h2>Worth a second look</h2>",
            _outliers(release.outliers),
            "<h2>How it is counted</h2>",
            "<ul>" + "".join(f"<li>{escape(rule)}</li>" for rule in release.stats["rules"]) + "</ul>",
            "</body></html>\n",
        )
    )


def _lead(release: Release, verdicts: Sequence[Verdict], docs: str) -> str:
    total = release.stats["total"]
    goal = f"{total - GOAL:,} more than" if total >= GOAL else f"{GOAL - total:,} short of"
    failed = [verdict for verdict in verdicts if not verdict.success]
    broken = sum(verdict.severity == CRITICAL for verdict in failed)
    sound = (
        f'<b class="bad">{broken} critical expectations do not hold.</b>'
        if broken
        else f'<b class="ok">Every critical expectation holds</b>, {len(failed)} warnings are worth a look.'
    )
    return (
        f"<p><b>{total:,} sourced emission factors</b>, each cited to the row of its publisher's file; "
        f'{goal} {GOAL:,}. {sound} <a href="{escape(docs)}">Data Docs</a>.</p>'
    )


def _tiles(release: Release) -> str:
    stats, publishers = release.stats, release.frames["publishers"]
    factors = release.frames["factors"]
    years = sorted(map(int, stats["by_year"]))
    tiles = (
        (f"{stats['total']:,}", "factors"),
        (f"{stats['published_values']:,}", "published figures behind them"),
        (f"{publishers.height}", "publishers"),
        (f"{publishers['editions'].sum()}", "editions"),
        (f"{factors['region'].n_unique()}", "regions"),
        (f"{years[0]}–{years[-1]}" if years else "–", "years described"),
        (f"{len(stats['by_licence'])}", "licences, all named"),
    )
    cells = "".join(f'<div class="tile"><b>{value}</b><span>{label}</span></div>' for value, label in tiles)
    return f'<div class="tiles">{cells}</div>'


# --- the heat map


def heat_map(heat: pl.DataFrame) -> str:
    """Publishers by years as inline SVG: the darker, the more; the number stands in the cell.

    Args:
        heat: rows of publisher, name, year, factors.
    """
    if not heat.height:
        return "<p>nothing to show</p>"
    last = max(heat["year"])
    early = f"–{FIRST_YEAR - 1}"
    years = [early, *map(str, range(FIRST_YEAR, last + 1))]
    cells: dict[tuple[str, str], int] = {}
    totals: dict[str, int] = {}
    names: dict[str, str] = {}
    for row in heat.iter_rows(named=True):
        column = str(row["year"]) if row["year"] >= FIRST_YEAR else early
        place = (row["publisher"], column)
        cells[place] = cells.get(place, 0) + row["factors"]
        totals[row["publisher"]] = totals.get(row["publisher"], 0) + row["factors"]
        names[row["publisher"]] = row["name"]
    # One publisher may put out several publications, each with an importer of its own.
    shared = [name for name in names.values() if list(names.values()).count(name) > 1]
    names = {
        publisher: f"{name}, {publisher}" if name in shared else name for publisher, name in names.items()
    }
    ordered = sorted(totals, key=lambda publisher: (-totals[publisher], publisher))
    most = max(cells.values())
    left, top, wide, high, sums = 168, 22, 36, 30, 62
    width, height = left + wide * len(years) + sums, top + high * (len(ordered) + 1) + 4
    drawn = [
        f'<svg role="img" aria-label="factors by publisher and year" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="system-ui,sans-serif" font-size="11">'
    ]
    for at, year in enumerate(years):
        label = year if at == 0 else f"’{year[2:]}" if int(year) % 5 else year
        drawn.append(_text(left + wide * (at + 0.5), top - 8, label, "middle", _SOFT))
    drawn.append(_text(width - 4, top - 8, "all", "end", _SOFT))
    for line, publisher in enumerate(ordered):
        y = top + high * line
        drawn.append(_text(left - 8, y + high / 2 + 4, names[publisher], "end", _INK, size=12.5))
        for at, year in enumerate(years):
            drawn.append(_cell(left + wide * at, y, wide, high, cells.get((publisher, year), 0), most))
        drawn.append(_text(width - 4, y + high / 2 + 4, f"{totals[publisher]:,}", "end", _INK, size=12.5))
    y = top + high * len(ordered)
    drawn.append(_text(left - 8, y + high / 2 + 4, "all publishers", "end", _SOFT, size=12.5))
    for at, year in enumerate(years):
        size = sum(cells.get((publisher, year), 0) for publisher in ordered)
        drawn.append(_text(left + wide * (at + 0.5), y + high / 2 + 4, _short(size), "middle", _SOFT))
    drawn.append(_text(width - 4, y + high / 2 + 4, f"{sum(totals.values()):,}", "end", _SOFT, size=12.5))
    return "\n".join((*drawn, "</svg>"))


def _text(x: float, y: float, text: str, anchor: str, colour: str, *, size: float = 11) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}" font-size="{size:g}">'
        f"{escape(text)}</text>"
    )


def _cell(x: float, y: float, wide: float, high: float, size: int, most: int) -> str:
    share = math.log1p(size) / math.log1p(most) if size else 0.0
    colour = (
        _EMPTY
        if not size
        else "#"
        + "".join(
            f"{round(light + (dark - light) * share):02x}" for light, dark in zip(_LIGHT, _DARK, strict=True)
        )
    )
    box = (
        f'<rect x="{x + 1:g}" y="{y + 1:g}" width="{wide - 2:g}" height="{high - 2:g}" rx="3" '
        f'fill="{colour}"><title>{size:,} factors</title></rect>'
    )
    if not size:
        return box
    return box + _text(
        x + wide / 2, y + high / 2 + 4, _short(size), "middle", "#ffffff" if share > 0.55 else _INK
    )


def _short(size: int) -> str:
    """A count in at most four signs."""
    if size < 1_000:
        return str(size)
    return f"{size / 1000:.1f}k" if size < 10_000 else f"{size / 1000:.0f}k"


# --- tables


def _table(head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """A table; ``head`` holds class and words of each column, cells are HTML."""
    first = "".join(f'<th class="{kind}">{escape(words)}</th>' for kind, words in head)
    body = "\n".join(
        "<tr>" + "".join(f'<td class="{head[at][0]}">{cell}</td>' for at, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{first}</tr>\n{body}</table>"


def _topics(topics: pl.DataFrame) -> str:
    most = max(topics["factors"], default=1)
    return _table(
        (("", "what for"), ("n", "factors"), ("", ""), ("n", "regions"), ("n", "years")),
        (
            (
                escape(row["topic"]),
                f"{row['factors']:,}",
                f'<div class="bar" style="width:{max(2, round(72 * row["factors"] / most))}px"></div>',
                f"{row['regions']:,}",
                _years(row["first_year"], row["last_year"]),
            )
            for row in topics.iter_rows(named=True)
        ),
    )


def _years(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"


def _gaps(gaps: Sequence[tuple[str, str]]) -> str:
    items = "".join(
        f'<li><b>{escape(title)}</b><br><span class="soft">{escape(detail)}</span></li>'
        for title, detail in gaps[:_GAP_ROWS]
    )
    return f'<ol class="gaps">{items}</ol>' if items else "<p>Nothing that this report looks for.</p>"


def _suites(verdicts: Sequence[Verdict], docs: str) -> str:
    folder = docs.rpartition("/")[0]
    rows = []
    for suite in SUITES:
        mine = [verdict for verdict in verdicts if verdict.suite == suite.name]
        failed = [verdict for verdict in mine if not verdict.success]
        critical = any(verdict.severity == CRITICAL for verdict in failed)
        mark = ("✗", "bad") if critical else ("!", "warn") if failed else ("✓", "ok")
        said = "; ".join(_said(verdict) for verdict in failed) or "; ".join(
            escape(verdict.words) for verdict in mine[:2]
        )
        rows.append(
            (
                f'<span class="{mark[1]}">{mark[0]}</span>',
                f'<a href="{escape(folder)}/{suite.name}.html">{escape(suite.title)}</a>',
                said,
            )
        )
    return _table((("mark", ""), ("", "suite"), ("", "what was found")), rows)


def _said(verdict: Verdict) -> str:
    examples = ", ".join(escape(example) for example in verdict.examples[:1])
    after = f": {examples}" if verdict.unexpected and examples else ""
    return f'not so: {escape(verdict.words)} ({escape(verdict.observed)}<span class="id">{after}</span>)'


def _licences(licences: pl.DataFrame) -> str:
    return _table(
        (("", "licence"), ("n", "factors"), ("", "publishers")),
        (
            (escape(row["licence"]), f"{row['factors']:,}", escape(row["publishers"]))
            for row in licences.iter_rows(named=True)
        ),
    ) + (
        '<p class="soft">The licence goes with every factor into every result. Licensed publishers '
        "(ecoinvent, the IPCC's database) ship none: <code>glac factors import</code> reads your copy.</p>"
    )


def _drift(drift: pl.DataFrame) -> str:
    if not drift.height:
        return "<p>No dataset has two editions.</p>"
    moved = drift.sort("changed", "added", "dataset", descending=[True, True, False])
    head = (("", "dataset"), ("", "editions"), ("n", "added"), ("n", "removed"), ("n", "changed"),
            ("n", "of"), ("n", "middle change"), ("n", "largest"))  # fmt: skip
    body = _table(head, (_drift_row(row) for row in moved.head(_DRIFT_ROWS).iter_rows(named=True)))
    left = moved.height - _DRIFT_ROWS
    return body + (
        f'<p class="soft">{f"… and {left} datasets with less. " if left > 0 else ""}'
        "<code>glac factors diff EDITION EDITION --html page.html</code> shows every figure.</p>"
    )


def _drift_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        escape(row["dataset"]),
        f"{escape(row['before'])} → {escape(row['after'])}",
        f"{row['added']:,}",
        f"{row['removed']:,}",
        f"{row['changed']:,}",
        f"{row['factors_after']:,}",
        *("–" if row[name] is None else f"{row[name]:.1%}" for name in ("median_change", "largest_change")),
    )


def _outliers(outliers: pl.DataFrame) -> str:
    if not outliers.height:
        return "<p>No figure is far from its like.</p>"
    grouped = (
        outliers.group_by("publisher", "region")
        .agg(
            pl.len().alias("factors"),
            pl.col("like_ratio").min().alias("low"),
            pl.col("like_ratio").max().alias("high"),
            pl.col("factor_id").first().alias("example"),
        )
        .sort("factors", "publisher", "region", descending=[True, False, False])
    )
    body = _table(
        (
            ("", "publisher"),
            ("", "region"),
            ("n", "factors"),
            ("n", "times the median"),
            ("id", "for instance"),
        ),
        (
            (
                escape(row["publisher"]),
                escape(row["region"]),
                f"{row['factors']:,}",
                _times(row["low"], row["high"]),
                f"<code>{escape(row['example'])}</code>",
            )
            for row in grouped.head(8).iter_rows(named=True)
        ),
    )
    return (
        f"<p>{outliers.height:,} figures are ten times the median of the same activity and unit, or a tenth "
        "of it: printed so by their publishers, kept as printed, and worth a question.</p>" + body
    )


def _times(low: float, high: float) -> str:
    first, last = f"{low:.2g}", f"{high:.2g}"
    return first if first == last else f"{first}–{last}"
