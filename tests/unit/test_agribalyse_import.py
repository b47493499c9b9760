"""The Agribalyse importer: the climate indicator is the factor, the others stand beside it as printed."""

from pathlib import Path

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import agribalyse

HEAD = (
    "Code AGB,Code CIQUAL,Groupe d'aliment,Sous-groupe d'aliment,Nom du Produit en Français,LCI Name,"
    "Saisonnalité,Transport par avion (1 : par avion),Livraison,Matériau d'emballage,Préparation,"
    "DQR - Note de qualité de la donnée (1 excellente ; 5 très faible),Score unique EF (mPt/kg de produit),"
    "Changement climatique (kg CO2 eq/kg de produit),"
    "Appauvrissement de la couche d'ozone (E-06 kg CVC11 eq/kg de produit),"
    "Rayonnements ionisants (kBq U-235 eq/kg de produit),"
    "Formation photochimique d'ozone (E-03 kg NMVOC eq/kg de produit),"
    "Particules (E-06 disease inc./kg de produit),"
    "Acidification terrestre et eaux douces (mol H+ eq/kg de produit),"
    "Eutrophisation terreste (mol N eq/kg de produit),"
    "Eutrophisation eaux douces (E-03 kg P eq/kg de produit),"
    "Eutrophisation marine (E-03 kg N eq/kg de produit),Utilisation du sol (Pt/kg de produit),"
    "Écotoxicité pour écosystèmes aquatiques d'eau douce (CTUe/kg de produit),"
    "Épuisement des ressources eau (m3 depriv./kg de produit),"
    "Épuisement des ressources énergétiques (MJ/kg de produit),"
    "Épuisement des ressources minéraux (E-06 kg Sb eq/kg de produit)"
)
#: Two foods of one CIQUAL code, as the publisher has them.
TOMATO = (
    '20047_1,20047,"fruits, légumes, œufs",légumes,"Tomate, crue","Tomato, raw",de saison,0,Ambiant (court),'
    "PS,Pas de préparation ,2.46,0.11,0.62,0.0041953696,0.12,0.68,0.0127,0.0011,0.0024,0.083,"
    "0.22337031999999998,-1.9,3.27,0.19,6.47,0.8"
)
FLOWN = (
    '20047_2,20047,"fruits, légumes, œufs",légumes,"Tomate, crue, hors saison","Tomato, raw, off season",'
    "hors saison,1,Ambiant (court),PS,Pas de préparation,2.5,0.9,5.4,0.25,0.63,9.1,0.38,0.056,0.24,"
    "0.67,16.9,268,77.9,2.01,29.4,4.15"
)
TEXT = f"{HEAD}\n{TOMATO}\n{FLOWN}\n"


def write(tmp_path: Path, text: str | bytes = TEXT) -> Path:
    path = tmp_path / "Agribalyse_Synthese.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_climate_indicator_is_the_factor(tmp_path: Path) -> None:
    result = agribalyse.read(write(tmp_path))
    row = result.factors.sort("cite_row").row(0, named=True)
    assert (row["co2e"], row["co2e_unit"], row["activity_unit"]) == (0.62, "kg/kg", "kg")
    assert (row["gwp_set"], row["region"], row["year"]) == ("AR5-feedbacks", "FR", 2020)
    assert row["activity_path"] == "fruits, légumes, œufs > légumes > Tomate, crue"
    assert (row["activity"], row["data_quality"], row["cite_row"]) == ("food-tomate-crue", "DQR 2.46", 2)
    assert row["factor_id"].endswith("/fruits-legumes-oeufs-legumes-tomate-crue/fr/2020/kg/20047_1")
    assert row["note"] == (
        "Tomato, raw; CIQUAL 20047; delivery: Ambiant (court); packaging: PS; "
        "preparation: Pas de préparation; season: de saison"
    )
    flown = result.factors.sort("cite_row").row(1, named=True)
    assert flown["note"].endswith("season: hors saison; by air")
    assert contracts.failures(result.factors) == []


def test_fourteen_indicators_stand_beside_it(tmp_path: Path) -> None:
    result = agribalyse.read(write(tmp_path))
    values = result.others["values"]
    assert (values.height, result.rows_read, result.skipped) == (28, 2, {})
    tomato = {row["measure"]: row for row in values.filter(cite_row=2).iter_rows(named=True)}
    assert tomato["ozone-depletion"]["value"] == 4.1953696e-09
    assert tomato["ozone-depletion"]["unit"] == "kg CVC11 eq/kg"
    assert tomato["marine-eutrophication"]["value"] == 0.00022337031999999998
    assert (tomato["land-use"]["value"], tomato["land-use"]["unit"]) == (-1.9, "Pt/kg")
    assert (tomato["water-scarcity"]["value"], tomato["water-scarcity"]["unit"]) == (0.19, "m3 depriv./kg")
    assert tomato["ef-single-score"]["unit"] == "mPt/kg"
    factor = result.factors.filter(cite_row=2)["factor_id"][0]
    assert {row["factor_id"] for row in tomato.values()} == {factor}


def test_the_scale_of_a_header_is_exact() -> None:
    assert agribalyse.shifted("0.041953696", -6) == 4.1953696e-08
    assert 0.041953696 * 1e-6 != 4.1953696e-08
    assert agribalyse.shifted("2.5", 0) == 2.5


BAD: dict[str, tuple[str | bytes, str, dict[str, object]]] = {
    "decimal comma": (TEXT.replace(",0.62,", ',"0,62",'), "CELL_NOT_A_NUMBER", {"row": 2}),
    "decimal comma unquoted": (TEXT.replace(",0.62,", ",0,62,"), "LAYOUT_UNKNOWN", {"row": 2}),
    "text as an indicator": (TEXT.replace(",5.4,", ",élevé,"), "CELL_NOT_A_NUMBER", {"row": 3}),
    "an empty indicator": (TEXT.replace(",29.4,", ",,"), "CELL_NOT_A_NUMBER", {"row": 3}),
    "a rating that is none": (TEXT.replace(",2.5,", ",7.5,"), "RATING_UNKNOWN", {"row": 3}),
    "another mark of air transport": (TEXT.replace("saison,1,", "saison,2,"), "LAYOUT_UNKNOWN", {"row": 3}),
    "another unit": (TEXT.replace("(E-06 kg CVC11", "(E-09 kg CVC11"), "LAYOUT_UNKNOWN", {"row": 1}),
    "a column renamed": (TEXT.replace("Changement climatique", "Climat"), "LAYOUT_UNKNOWN", {"row": 1}),
    "columns shifted": (TEXT.replace("Code AGB,", ",Code AGB,"), "LAYOUT_UNKNOWN", {"row": 1}),
    "columns of 3.1": (TEXT.replace("Matériau d'", "Approche "), "LAYOUT_UNKNOWN", {"row": 1}),
    "a food twice": (TEXT + TOMATO + "\n", "DUPLICATE_KEY", {"row": 4, "column": "Code AGB"}),
    "no code": (TEXT.replace("20047_2,", ","), "CODE_UNKNOWN", {"row": 3}),
    "cut off in a line": (TEXT[:-40], "LAYOUT_UNKNOWN", {"row": 3}),
    "a header only": (HEAD + "\n", "LAYOUT_UNKNOWN", {}),
    "nothing": ("", "LAYOUT_UNKNOWN", {}),
    "Windows-1252": (TEXT.encode("cp1252"), "ENCODING_UNKNOWN", {}),
    "UTF-8 read as Latin-1": (TEXT.encode().decode("latin-1"), "LAYOUT_UNKNOWN", {"row": 1}),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    text, code, place = BAD[case]
    with pytest.raises(GreenlangError) as refused:
        agribalyse.read(write(tmp_path, text))
    error = refused.value
    assert error.code == code, error
    assert error.found is not None
    assert error.expected is not None
    assert {"file": "Agribalyse_Synthese.csv", **place}.items() <= error.where.items()
