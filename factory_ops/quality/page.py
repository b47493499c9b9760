"""A quality report as a page that a person can read.

Belongs here: one HTML page without any request to anywhere. Does not belong here: judging.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b2a24}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
.verdict{display:inline-block;padding:.15rem .7rem;border-radius:1rem;color:#fff;background:#1a7f4b}
.verdict.no{background:#b3261e}.small{color:#5b6b64;font-size:.85rem;word-break:break-all}
table{border-collapse:collapse;width:100%}
@media(min-width:40rem){td:nth-child(-n+2){width:12rem}td:nth-child(3){width:2.5rem}td:nth-child(4){width:5rem}}
td,th{padding:.35rem .5rem;text-align:left;vertical-align:top}
tr+tr td{border-top:1px solid #e2e8e5}.bar{background:#e2e8e5;height:.8rem;width:11rem;border-radius:.4rem}
.bar i{display:block;height:100%;border-radius:.4rem;background:#1a7f4b}.no .bar i{background:#b3261e}
ul{margin:.2rem 0;padding-left:1.1rem}@media(max-width:40rem){.bar{width:5rem}.wide{display:none}}
"""


def to_html(report: Mapping[str, Any], *, sha256: str, timings: Mapping[str, float] | None = None) -> str:
    """The page of a report's body.

    Args:
        report: as ``QualityReport.body`` gives it, or as it was read back from the store.
        sha256: the report's digest.
        timings: milliseconds to show beside it.
    """
    pack, valid = report["pack"], report["valid"]
    verdict = "valid" if valid else "not valid"
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{escape(pack['id'])} {escape(pack['version'])}: {verdict}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(pack['id'])} {escape(pack['version'])}</h1>",
        f"<p><span class='verdict{'' if valid else ' no'}'>{verdict}</span> ",
        f"weighted sum {_number(report['overall'])}, needed {_number(report['threshold'])}; ",
        "every floor held</p>"
        if not report["failed"]
        else f"floors not held: {escape(', '.join(map(_words, report['failed'])))}</p>",
        f"<p class='small'>archive {escape(pack['archive_sha256'])}<br>report {escape(sha256)}</p>",
    ]
    for group, weight in report["weights"].items():
        parts.append(
            f"<h2>{_words(group)} <span class='small'>weight {_number(weight['weight'])}, "
            f"score {_number(weight['score'])}</span></h2><table>"
        )
        parts += [_row(name, d) for name, d in report["dimensions"].items() if d["weight"] == group]
        parts.append("</table>")
    tools = ", ".join(f"{name} {version}" for name, version in sorted(report["tools"].items()))
    parts.append(f"<p class='small'>Measured with {escape(tools)}.</p>")
    if timings:
        times = ", ".join(
            f"{name.removesuffix('_ms')} {value:g} ms" for name, value in sorted(timings.items())
        )
        parts.append(f"<p class='small'>Times, outside the digest: {escape(times)}.</p>")
    return "".join([*parts, "</body></html>\n"])


def _row(name: str, found: Mapping[str, Any]) -> str:
    score = float(found["score"])
    figures = ", ".join(f"{_words(key)} {value}" for key, value in sorted(found["measure"].items()))
    notes = [found["unmeasured"]] if found["unmeasured"] else list(found["findings"])
    listed = f"<ul>{''.join(f'<li>{escape(str(note))}</li>' for note in notes)}</ul>" if notes else ""
    return (
        f"<tr class='{'' if found['held'] else 'no'}'><td>{_words(name)}</td>"
        f"<td><div class='bar'><i style='width:{min(max(score, 0), 1) * 100:.0f}%'></i></div></td>"
        f"<td>{_number(score)}</td><td>{'held' if found['held'] else '<b>not held</b>'}</td>"
        f"<td class='wide'>{escape(found['floor'])}<br>"
        f"<span class='small'>{escape(figures)}</span>{listed}</td></tr>"
    )


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


def _number(value: Any) -> str:
    return f"{float(value):.2f}"
