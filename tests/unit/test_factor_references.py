"""``ef://`` references: what each style becomes, what it resolves to, what is refused with candidates."""

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.references import candidates, label_version, parse


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.shipped()


#: As written -> canonical, kind.
RESOLVED = {
    "ef://epa/stationary-combustion/2024": ("ef://us-epa/stationary-combustion/2024", "dataset"),
    "ef://us-epa/stationary-combustion/2025": ("ef://us-epa/stationary-combustion/2025", "dataset"),
    "ef://ipcc/gwp/ar6": ("ef://ipcc/gwp/ar6", "gwp"),
    "ef://ipcc/gwp/AR5": ("ef://ipcc/gwp/ar5", "gwp"),
    "ef://epa/egrid/eGRID2022": ("ef://us-epa/egrid-subregion/eGRID2022", "dataset"),
    "ef://epa/egrid/camx/2022": ("ef://us-epa/egrid-subregion/camx/eGRID2022", "factor"),
    "ef://epa/electricity/grid-average/2024": ("ef://us-epa/electricity/grid-electricity/us/2024", "factor"),
    "ef://epa/stationary-combustion/natural-gas/2024": (
        "ef://us-epa/stationary-combustion/natural-gas/2024", "dataset",
    ),
    "ef://epa/stationary-combustion/gasoline/2024": (
        "ef://us-epa/stationary-combustion/motor-gasoline/2024", "dataset",
    ),
    "ef://defra/stationary-combustion/natural-gas/2024": (
        "ef://uk-desnz/conversion-factors/fuels/natural-gas/2024", "dataset",
    ),
    "ef://desnz/electricity/grid-average/2025": (
        "ef://uk-desnz/conversion-factors/uk-electricity/grid-electricity/2025", "factor",
    ),
    "ef://epa/steam-and-heat/2024/steam-and-heat/us/2024/mmbtu": (
        "ef://us-epa/steam-and-heat/2024/steam-and-heat/us/2024/mmbtu", "factor",
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", RESOLVED)
def test_styles_resolve_to_one_canonical_form(text: str, catalogue: Catalogue) -> None:
    resolved = catalogue.resolve(text)
    assert (resolved.canonical, resolved.kind) == RESOLVED[text]
    assert resolved.reference == text
    assert resolved.factors.height > 0
    # The canonical form resolves to the same rows, and nothing is left to normalise.
    again = catalogue.resolve(resolved.canonical)
    assert (again.canonical, again.content_sha256, again.normalised) == (
        resolved.canonical, resolved.content_sha256, (),
    )  # fmt: skip
    assert catalogue.resolve(resolved.pinned).content_sha256 == resolved.content_sha256


def test_every_change_is_stated(catalogue: Catalogue) -> None:
    assert catalogue.resolve("ef://defra/stationary-combustion/gasoline/2024").normalised == (
        "authority defra became uk-desnz",
        "dataset stationary-combustion became conversion-factors/fuels",
        "item gasoline became motor-gasoline",
    )


def test_the_facts_of_a_dataset(catalogue: Catalogue) -> None:
    resolved = catalogue.resolve("ef://epa/stationary-combustion/2024")
    assert (resolved.publisher, resolved.dataset, resolved.edition) == (
        "us-epa",
        "stationary-combustion",
        "2024",
    )
    assert resolved.factors["dataset"].unique().to_list() == ["stationary-combustion"]
    assert resolved.version == resolved.factors["version"][0]
    gwp = catalogue.resolve("ef://ipcc/gwp/ar6")
    assert (gwp.publisher, gwp.dataset, gwp.edition) == ("ipcc", "gwp", "AR6")
    assert set(gwp.factors["gwp_set"]) == {"AR6"}


UNRESOLVED = {
    "ef://iea/electricity/grid-average/2024": "ef://us-epa/electricity/2024",
    "ef://epa/stationary-combustion/2019": "ef://us-epa/stationary-combustion/2024",
    "ef://epa/stationary-combustion/2024-Q4": "ef://us-epa/stationary-combustion/2024",
    "ef://epa/stationary-combustion": "ef://us-epa/stationary-combustion/2024",
    "ef://epa/stationary-combustion/unobtainium/2024": "ef://us-epa/stationary-combustion/2024",
    "ef://epa/statonary-combustion/2024": "ef://us-epa/stationary-combustion/2024",
    "ef://ipcc/gwp/ar7": "ef://ipcc/gwp/ar6",
    "ef://ipcc_ar6/combustion/ng/co2e_kg_per_mj": "ef://ipcc/gwp/ar6",
    "ef://epa/egrid/us_average/co2e_kg_per_mwh": "ef://",
}


@pytest.mark.parametrize("text", UNRESOLVED)
def test_what_names_nothing_is_an_error_with_candidates(text: str, catalogue: Catalogue) -> None:
    with pytest.raises(GreenlangError) as refused:
        catalogue.resolve(text)
    assert (refused.value.code, refused.value.found) == ("REFERENCE_UNRESOLVED", text)
    assert UNRESOLVED[text] in str(refused.value.expected)


def test_a_version_or_content_that_is_insisted_on(catalogue: Catalogue) -> None:
    resolved = catalogue.resolve("ef://epa/waste/2025")
    for tail, code in (
        ("@2025.9.9", "REFERENCE_VERSION_UNKNOWN"),
        (f"#sha256={'0' * 64}", "REFERENCE_HASH_MISMATCH"),
    ):
        with pytest.raises(GreenlangError) as refused:
            catalogue.resolve(resolved.canonical + tail)
        assert refused.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "", "ef://", "ef://epa", "epa/stationary-combustion/2024", "EF://epa/a/2024", "ef://epa//2024",
        "ef://epa/a b/2024", "ef://epa/../2024", "ef://epa/a/2024@latest", "ef://epa/a/2024#sha256=abc",
        "ef://epa/a/2024@1.2", "ef://epa/a/2024/", "http://epa/a/2024", "ef://epa/a/2024\nef://epa/b/2024",
    ],
)  # fmt: skip
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(GreenlangError) as refused:
        parse(text)
    assert refused.value.code == "REFERENCE_MALFORMED"


@pytest.mark.parametrize(
    ("label", "version"),
    [
        ("2024", "2024.0.0"),
        ("2024-Q4", "2024.4.0"),
        ("2024q1", "2024.1.0"),
        ("2024.2", "2024.2.0"),
        ("2024.2.1", "2024.2.1"),
        ("eGRID2012", "2012.0.0"),
        ("latest", None),
        ("2024-Q5", None),
    ],
)
def test_labels_as_versions(label: str, version: str | None) -> None:
    assert label_version(label) == version


def test_every_candidate_resolves(catalogue: Catalogue) -> None:
    names = candidates(catalogue.frame, catalogue.gwp)
    assert len(names) > 30
    for name in names:
        assert catalogue.resolve(name).canonical == name
