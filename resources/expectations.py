"""Great Expectations: judges frames by suites and renders Data Docs, offline and the same every time.

Belongs here: speaking to Great Expectations. Does not belong here: what is expected
(``core.factors.release_expectations``).

The library takes five seconds to import, so it is imported when something is judged. Its context lives in
memory; nothing is sent anywhere (version 1.24 has no analytics code left; the switch is off all the same).
Its pages fetch styles, scripts, pictures and fonts from half a dozen hosts, and carry the minute they were
made in: both are taken out, so that a page opens without network and the same release gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from greenlang_assets.core.factors.release_expectations import Expectation, Judgement, Suite, Verdict
from greenlang_assets.core.without_spark import without_spark

if TYPE_CHECKING:
    import pandas as pd

#: Rows named in a verdict.
_EXAMPLES = 5
#: Everything of a page that another host or a script would be asked for.
_REMOTE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer\b.*?</footer>|<nav\b.*?</nav>",
    re.DOTALL | re.IGNORECASE,
)
_REMOTE_PICTURE = re.compile(r"background:\s*url\([^)]*\)[^;]*;")
#: The pages of suites without results are not made: a result names every expectation.
_SUITE_PAGE = re.compile(r'<a href="[^"]*/expectations/[^"]*"\s*>(.*?)</a>', re.DOTALL)
_TIME = re.compile(r"\d{8}T\d{6}(\.\d+)?Z|1970-01-01T00:00:00Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_STYLE = """<style>
body{font:14px/1.5 system-ui,sans-serif;color:#1f2933;margin:1.5rem auto;max-width:70rem;padding:0 1rem}
h1,h2,h3,h4{line-height:1.25}table{border-collapse:collapse;margin:.4rem 0 1rem;width:100%}
th,td{border-bottom:1px solid #e6ebf0;padding:.3rem .6rem;text-align:left;vertical-align:top}
.badge{background:#eef2f6;border-radius:4px;padding:0 .35rem}.alert{padding:.6rem .8rem;border-radius:6px}
.alert-success{background:#e6f6ef}.alert-danger{background:#fdecea}.alert-warning{background:#fff7ed}
.text-success{color:#0b7a5c}.text-danger{color:#b42318}.text-warning{color:#c05621}
i.fa-check-circle::before{content:"\\2713";font-style:normal}i.fa-times::before{content:"\\2717";font-style:normal}
i.fa-exclamation-triangle::before{content:"!";font-style:normal}
a{color:#0b5394}ul{margin:.2rem 0}h4{font-size:1.2rem}h5{font-size:1rem;margin-bottom:.2rem}h6{display:none}
.collapse,.float-right,.breadcrumb,.modal,button,.sticky,hr,br+span{display:none}
a[data-toggle=collapse],[id^=section-] .container-fluid>a{display:none}
</style>"""


def judge(suites: Sequence[Suite], frames: Mapping[str, pl.DataFrame], *, release: str) -> Judgement:
    """Judge frames by suites with Great Expectations.

    Args:
        suites: what is expected.
        frames: what is judged, by name.
        release: names what is judged; stands in every page.

    Returns:
        One verdict an expectation, and a page a suite with an index before them.
    """
    gx = _library()
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("release")
    verdicts: list[Verdict] = []
    pages: dict[str, str] = {}
    for suite in suites:
        batch = source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe(suite.frame)
        made = gx.ExpectationSuite(name=suite.title)
        for expectation in suite.expectations:
            made.add_expectation(_expectation(gx, expectation))
        validation = gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(made))
        result = context.validation_definitions.add(validation).run(
            batch_parameters={"dataframe": _pandas(frames[suite.frame], suite)},
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": [suite.key] if suite.key else [],
                "partial_unexpected_count": _EXAMPLES,
            },
        )
        verdicts += [_verdict(suite, *pair) for pair in _paired(suite, result)]
        pages[f"{suite.name}.html"] = _page(result, release)
    return Judgement(tuple(verdicts), {"index.html": _index(suites, verdicts, release), **pages})


def _library() -> Any:
    """Great Expectations, quiet."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with without_spark():
        import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return gx


def _pandas(frame: pl.DataFrame, suite: Suite) -> pd.DataFrame:
    return frame.select(suite.columns).to_pandas()


def _expectation(gx: Any, expectation: Expectation) -> Any:
    made = getattr(gx.expectations, expectation.type)
    return made(**expectation.given, severity=expectation.severity, description=expectation.words)


def _paired(suite: Suite, result: Any) -> list[tuple[Expectation, Any]]:
    """Each expectation with its result; results come in an order of their own."""
    by_words = {item.expectation_config.description: item for item in result.results}
    return [(expectation, by_words[expectation.words]) for expectation in suite.expectations]


def _verdict(suite: Suite, expectation: Expectation, item: Any) -> Verdict:
    found = item.result
    unexpected = int(found.get("unexpected_count") or 0)
    observed = found.get("observed_value")
    if observed is None:
        rows = int(found.get("element_count") or 0) - int(found.get("missing_count") or 0)
        observed = f"{rows - unexpected:,} of {rows:,} rows"
    elif isinstance(observed, int):
        observed = f"{observed:,}"
    indexed = found.get("unexpected_index_list") or []
    named = [str(row[suite.key]) for row in indexed if isinstance(row, Mapping) and suite.key in row]
    values = [str(value) for value in found.get("partial_unexpected_list") or []]
    return Verdict(
        suite=suite.name,
        words=expectation.words,
        severity=expectation.severity,
        success=bool(item.success),
        observed=str(observed),
        unexpected=unexpected,
        examples=tuple(sorted(named)[:_EXAMPLES] or values[:_EXAMPLES]),
    )


def _page(result: Any, release: str) -> str:
    """The Data Docs page of one result, without what other hosts would be asked for."""
    with without_spark():
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
        from great_expectations.render.view.view import DefaultJinjaPageView

    began = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    result.meta["run_id"] = RunIdentifier(run_name=release, run_time=began)
    view: Any = DefaultJinjaPageView()
    return _offline(str(view.render(ValidationResultsPageRenderer().render(result))))


def _offline(text: str) -> str:
    """Without scripts, pictures and styles from elsewhere; with ids that are counted, not drawn by lot."""
    text = _REMOTE.sub("", text)
    numbers: dict[str, str] = {}
    text = _UUID.sub(lambda found: numbers.setdefault(found[0], str(len(numbers) + 1)), text)
    text = _TIME.sub("", _REMOTE_PICTURE.sub("", text))
    text = _SUITE_PAGE.sub(r"\1", text)
    text = text.replace("<head>", "<head>" + _STYLE, 1)
    return re.sub(r"<body([^>]*)>", r'<body\1><p><a href="index.html">all suites</a></p>', text, count=1)


def _index(suites: Sequence[Suite], verdicts: Sequence[Verdict], release: str) -> str:
    """The first page of the Data Docs: every suite and expectation with its verdict."""
    lines = []
    for suite in suites:
        for verdict in (verdict for verdict in verdicts if verdict.suite == suite.name):
            mark = "✓" if verdict.success else "✗" if verdict.severity == "critical" else "!"
            colour = (
                "success" if verdict.success else "danger" if verdict.severity == "critical" else "warning"
            )
            lines.append(
                f'<tr><td><a href="{suite.name}.html">{escape(suite.title)}</a></td>'
                f'<td class="text-{colour}">{mark}</td><td>{escape(verdict.words)}</td>'
                f"<td>{verdict.severity}</td><td>{escape(verdict.observed)}</td></tr>"
            )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Data Docs of the release</title>'
        f"{_STYLE}</head><body><h1>Data Docs of the release</h1><p>Judged by Great Expectations; catalogue "
        f"<code>{escape(release)}</code>.</p><table><tr><th>suite</th><th></th><th>expectation</th>"
        "<th>severity</th><th>observed</th></tr>" + "\n".join(lines) + "</table></body></html>\n"
    )
