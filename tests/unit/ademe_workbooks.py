"""A Base Carbone of a few rows in the publisher's layout, with figures of our own."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

_HEADER = (
    "Type Ligne|Identifiant de l'élément|Structure|Type de l'élément|Statut de l'élément|Nom base français|"
    "Nom base anglais|Nom base espagnol|Nom attribut français|Nom attribut anglais|Nom attribut espagnol|"
    "Nom frontière français|Nom frontière anglais|Nom frontière espagnol|Code de la catégorie|Tags français|"
    "Tags anglais|Tags espagnol|Unité français|Unité anglais|Unité espagnol|Contributeur|"
    "Autres Contributeurs|Programme|Url du programme|Source|Localisation géographique|"
    "Sous-localisation géographique français|Sous-localisation géographique anglais|"
    "Sous-localisation géographique espagnol|Date de création|"
    "Date de modification|Période de validité|Incertitude|Réglementations|Transparence|Qualité|Qualité TeR|"
    "Qualité GR|Qualité TiR|Qualité C|Qualité P|Qualité M|Commentaire français|Commentaire anglais|"
    "Commentaire espagnol|Type poste|Nom poste français|Nom poste anglais|Nom poste espagnol|"
    "Total poste non décomposé|CO2f|CH4f|CH4b|N2O|Code gaz supplémentaire 1|Valeur gaz supplémentaire 1|"
    "Code gaz supplémentaire 2|Valeur gaz supplémentaire 2|Code gaz supplémentaire 3|"
    "Valeur gaz supplémentaire 3|Code gaz supplémentaire 4|Valeur gaz supplémentaire 4|"
    "Code gaz supplémentaire 5|Valeur gaz supplémentaire 5|Autres GES|CO2b"
)
#: The header, in its order.
HEADER = _HEADER.split("|")
COLUMNS = {
    "line": "Type Ligne",
    "id": "Identifiant de l'élément",
    "structure": "Structure",
    "type": "Type de l'élément",
    "status": "Statut de l'élément",
    "name": "Nom base français",
    "attribute": "Nom attribut français",
    "frontier": "Nom frontière français",
    "category": "Code de la catégorie",
    "unit": "Unité français",
    "programme": "Programme",
    "source": "Source",
    "place": "Localisation géographique",
    "within": "Sous-localisation géographique français",
    "created": "Date de création",
    "modified": "Date de modification",
    "validity": "Période de validité",
    "uncertainty": "Incertitude",
    "quality": "Qualité",
    "ter": "Qualité TeR",
    "p": "Qualité P",
    "stage": "Type poste",
    "stage_name": "Nom poste français",
    "total": "Total poste non décomposé",
    "code1": "Code gaz supplémentaire 1",
    "value1": "Valeur gaz supplémentaire 1",
    "other": "Autres GES",
}
Row = dict[str, object]
_PLAIN: Row = {
    "line": "Elément",
    "structure": "élément non décomposé",
    "type": "Facteur d'émission",
    "status": "Valide générique",
    "place": "France continentale",
    "created": dt.date(2014, 10, 20),
    "modified": dt.date(2024, 5, 17),
}
_GAS: Row = {
    **_PLAIN,
    "structure": "élément décomposé par poste et par gaz",
    "category": "Combustibles > Fossiles > Gazeux > Gaz naturel",
    "name": "Gaz naturel - 2022",
    "attribute": "mix moyen",
    "frontier": "consommation",
    "within": "France",
}
_GAS_BY_ENERGY: Row = {**_GAS, "unit": "kgCO2e/kWh PCI"}
_ROAD: Row = {
    **_PLAIN,
    "category": "Transport de personnes > Routier > Deux roues",
    "unit": "kgCO2e/km",
    "uncertainty": 60,
}
_SOLD: Row = {**_PLAIN, "category": "Achats de services > Ratios monétaires"}


def split(co2: float, ch4: float, n2o: float, biogenic: float = 0, other: float = 0) -> Row:
    """The gas columns; the columns of extra gases are filled with zeros, as the publisher fills them."""
    return {
        "CO2f": co2,
        "CH4f": ch4,
        "CH4b": 0,
        "N2O": n2o,
        "other": other,
        "CO2b": biogenic,
        **{f"Valeur gaz supplémentaire {n}": 0 for n in range(2, 6)},
    }


#: Rows of the sheet from its second on.
ROWS: list[Row] = [
    {
        **_GAS_BY_ENERGY,
        "id": 1, "total": 0.25, "validity": dt.date(2025, 2, 28), "uncertainty": 5,
        "quality": 4.5, "ter": 4, "p": 0,
        **split(0.235, 0.0125, 0.0025),
    },
    {
        **_GAS_BY_ENERGY,
        "id": 1, "line": "Poste", "stage": "Combustion", "total": 0.2,
        **split(0.19, 0.0075, 0.0025),
    },
    {
        **_GAS_BY_ENERGY,
        "id": 1, "line": "Poste", "stage": "Amont", "stage_name": "puits", "total": 0.05,
        **split(0.045, 0.005, 0),
    },
    {**_GAS, "id": 2, "unit": "kgCO2e/GJ PCS", "total": 61.5, **split(58.5, 2.5, 0.5)},
    {**_GAS, "id": 3, "unit": "kgCO2e/tep PCS", "total": 2500, "status": "Archivé", **split(2400, 80, 20)},
    {
        **_PLAIN,
        "id": 4, "name": '"""Barre """"équilibre"""" aux fruits"""', "category": "Achats > Repas",
        "unit": "kgCO2e/kg de poids net", "total": 2.5, "programme": "AGRIBALYSE 3.1",
        "created": dt.date(2023, 3, 16),
    },
    {**_ROAD, "id": 5, "name": "Moto > 250 cm3", "attribute": "Mixte", "frontier": 2023, "total": 0.19},
    {
        **_SOLD,
        "id": 6, "name": "Assurance - 2021", "unit": "kgCO2e/keuro (2021) HT", "total": 110, "validity": 2026,
    },
    {**_SOLD, "id": 7, "name": "Petites fournitures", "unit": "kgCO2e/keuro", "total": 367},
    {
        **_PLAIN,
        "id": 8, "name": "Chêne", "category": "UTCF > Forêts françaises > Alsace",
        "unit": "kgCO2e/ha.an", "total": -4300, "within": "Alsace",
    },
    {
        **_PLAIN,
        "id": 9, "type": "Données source", "name": "Gazole", "frontier": "PCI", "unit": "GJ / tonne",
        "category": "Combustibles > Caractéristiques physiques > PCI - Pouvoir Calorifique Inférieur",
        "total": 42.5,
    },
    {
        **_PLAIN,
        "id": 10, "type": "Données source", "name": "Fuites", "unit": "%", "total": 15,
        "category": "Process et émissions fugitives > Réfrigération et climatisation",
    },
    {
        **_PLAIN,
        "id": 11, "name": "Électricité", "attribute": "mix moyen", "unit": "kgCO2e/kWh", "total": 0.65,
        "category": "Electricité > Mix réseau électrique > Outre mer", "frontier": "consommation",
        "place": "Outre-mer", "within": "La Réunion", "structure": "élément décomposé par gaz",
        **split(0.6, 0.01, 0.01),
        "value1": 0.03, "code1": "SF6", "validity": "Année 2019",
    },
    {
        **_PLAIN,
        "id": 12, "name": "HFC-134a", "frontier": "PRG à 100 ans", "unit": "kgCO2e/kg", "total": 1530,
        "category": "Process et émissions fugitives > PRG à 100 ans issus du 6eme rapport du GIEC > Gaz",
        "place": "Monde", "validity": "3 ans", "programme": "6ème rapport du GIEC (2023)",
    },
    {
        **_PLAIN,
        "id": 13, "name": "Biodiesel", "category": "Combustibles > Organiques > Liquides",
        "unit": "kgCO2e/litre", "total": 0.45, "structure": "élément décomposé par gaz",
        "validity": "déc.-18",
        **split(-0.05, 0.05, 0.45, biogenic=-2.5),
    },
]  # fmt: skip


def cell(name: str, row: int) -> str:
    """The address of a column's cell."""
    at = HEADER.index(COLUMNS.get(name, name)) + 1
    return f"{openpyxl.utils.get_column_letter(at)}{row}"


def column(name: str) -> str:
    """The letter of a column."""
    return cell(name, 1)[:-1]


def workbook(
    path: Path,
    rows: list[Row] | None = None,
    *,
    edition: str = "V23.6",
    edit: Callable[[Worksheet], None] | None = None,
) -> Path:
    """A copy of the base with a sheet that somebody added, as copies have."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = f"Base_Carbone_{edition}"
    sheet.append(HEADER)
    for row in ROWS if rows is None else rows:
        named = {COLUMNS.get(name, name): value for name, value in row.items()}
        sheet.append([named.get(name) for name in HEADER])
    book.create_sheet("F1").append(["Type GPT"])
    if edit is not None:
        edit(sheet)
    book.save(path)
    return path
