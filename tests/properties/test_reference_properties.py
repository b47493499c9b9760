"""References round-trip, slugs are stable, and nothing that is no reference makes the parser fall over."""

import string

from hypothesis import given
from hypothesis import strategies as st

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import path_slug, slug
from greenlang_assets.core.factors.references import Reference, parse

SEGMENT = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8).flatmap(
    lambda head: st.text(string.ascii_letters + string.digits + "._-", max_size=8).map(
        lambda tail: head + tail
    )
)
VERSION = st.none() | st.tuples(*[st.integers(0, 9999)] * 3).map(lambda parts: ".".join(map(str, parts)))
SHA256 = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.lists(SEGMENT, min_size=2, max_size=8), VERSION, SHA256)
def test_a_reference_reads_back_as_it_was_written(
    segments: list[str], version: str | None, sha256: str | None
) -> None:
    reference = Reference(tuple(segments), version, sha256)
    assert parse(str(reference)) == reference


@given(st.text() | st.text().map(lambda tail: f"ef://{tail}"))
def test_any_text_is_a_reference_or_a_readable_refusal(text: str) -> None:
    try:
        outcome = str(parse(text))
    except GreenlangError as error:
        outcome = error.code
    assert outcome in (text.strip(), "REFERENCE_MALFORMED")


@given(st.text())
def test_a_slug_is_a_slug_already(text: str) -> None:
    once = slug(text)
    assert slug(once) == once
    assert set(once) <= set(string.ascii_lowercase + string.digits + "-_")
    assert not once.startswith("-")
    assert not once.endswith("-")


@given(st.lists(SEGMENT, min_size=1, max_size=5))
def test_a_path_is_slugged_level_by_level(levels: list[str]) -> None:
    assert path_slug(" > ".join(levels)) == "-".join(slug(level) for level in levels)
