"""What ADEME's Base Carbone prints for units and places, and what it is here.

Belongs here: tables, and reading a printed unit or place with them. Does not belong here: the rows of the
base (``ademe_base_carbone``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from greenlang_assets.core.factors.importers.base import slug


class Unit(NamedTuple):
    """What a factor is per: our activity unit, the unit of its figure, its calorific basis."""

    activity: str
    figure: str
    basis: str | None = None


def _per(activity: str, basis: str | None = None) -> Unit:
    return Unit(activity, f"kg/{activity.replace('*', '/')}", basis)


#: Every factor is in kgCO2e per one of these, as printed after "kgCO2e/". PCI, pouvoir calorifique
#: inférieur, is net; PCS, supérieur, is gross. A kilometre is settled by :func:`unit`.
UNITS: dict[str, Unit] = {
    **dict.fromkeys(("kg", "Kg", "kg de poids net", "kg de cuir traité", "kg de biodéchets"), _per("kg")),
    **dict.fromkeys(("kg BioGNC", "kgH2"), _per("kg")),
    **dict.fromkeys(("tonne", "t", "tonne de déchets", "tonne produites", "tonne de clinker"), _per("tonne")),
    # A mass of one substance in a product is not a mass of the product.
    "kg de poids vif": _per("kg[live-weight]"),
    "kg de matière active": _per("kg[active-substance]"),
    "kg d'azote épandu": _per("kg[N]"),
    "tonne de N": _per("tonne[N]"),
    "tonne de P2O5": _per("tonne[P2O5]"),
    "tonne de K2O": _per("tonne[K2O]"),
    "kg NTK": _per("kg[total-Kjeldahl-nitrogen]"),
    "kg DCO éliminée": _per("kg[chemical-oxygen-demand]"),
    "kWh": _per("kWh"),
    **dict.fromkeys(("kWh PCI", "KWh PCI", "kWh (PCI)", "kWhPCI"), _per("kWh", "net")),
    **dict.fromkeys(("kWh PCS", "kWhPCS"), _per("kWh", "gross")),
    "MJ PCI": _per("MJ", "net"),
    "GJ PCI": _per("GJ", "net"),
    "GJ PCS": _per("GJ", "gross"),
    # tonne d'équivalent pétrole: 41.868 GJ, as the figures of one fuel per GJ and per tep show.
    **dict.fromkeys(("tep PCI", "TEP PCI", "Tep PCI"), _per("toe", "net")),
    **dict.fromkeys(("tep PCS", "TEP PCS", "Tep PCS"), _per("toe", "gross")),
    **dict.fromkeys(("litre", "Litre"), _per("L")),
    **dict.fromkeys(("m3", "m³"), _per("m3")),
    # A normal cubic metre holds more gas than one as metered.
    "m3 (n)": _per("m3[normal]"),
    **dict.fromkeys(("m²", "m2 SHON", "m² SHON", "m² de paroi", "m² de toiture", "m² de sol"), _per("m2")),
    # mL is the mètre linéaire of building trades: pipes and beams are priced by it.
    **dict.fromkeys(("m", "mL", "m de route"), _per("m")),
    **dict.fromkeys(("ha", "Ha"), _per("ha")),
    "ha.an": _per("ha*year"),
    **dict.fromkeys(("t.km", "tonne.km"), _per("tonne_km")),
    **dict.fromkeys(("passager.km", "km.personne"), _per("passenger_km")),
    **dict.fromkeys(("véhicule.km", "voiture.km"), _per("vehicle_km")),
    "véhicule.an": _per("vehicle*year"),
    # passager équivalent: a passenger, or the freight that an aircraft carries in the place of one.
    "peq.km": _per("passenger_equivalent_km"),
    # A ride (course) of one kilometre takes more than one kilometre of driving.
    "course.km": _per("item*km"),
    **dict.fromkeys(("m3.km", "m³.km"), _per("m3*km")),
    "kgH2/100km": _per("kg*hundred_km"),
    "heure": _per("h"),
    "personne.mois": _per("person*month"),
    **dict.fromkeys(("unité", "appareil", "livre", "plant", "repas"), _per("item")),
    "100 feuilles A4": _per("hundred_item"),
}
#: Money of a year that is not stated: a figure per such a unit fits no amount.
UNDATED_MONEY = ("keuro", "euro dépensé", "Franc CFP")
_DATED_MONEY = re.compile(r"keuro \((2[0-9]{3})\) HT")
_ROADS = ("Transport de personnes > Routier", "Transport de marchandises > Routier")


def unit(printed: str, category: str) -> Unit | None:
    """The unit behind a printed one, or None when there is none of that name.

    A kilometre of road traffic is a vehicle's. A figure in kg per thousand euros is the same figure in g
    per euro.
    """
    per = printed.removeprefix("kgCO2e/")
    if per == printed:
        return None
    if per == "km":
        return _per("vehicle_km") if category.startswith(_ROADS) else _per("km")
    if money := _DATED_MONEY.fullmatch(per):
        return Unit(f"EUR[{money[1]}]", f"g/EUR[{money[1]}]")
    return UNITS.get(per)


class Place(NamedTuple):
    """A region, and whether its code says all that was printed (else the path keeps the printed name)."""

    region: str
    whole: bool


#: "Autre pays du monde": the country's French name as a slug. Spelling mistakes are the publisher's.
COUNTRIES: dict[str, str] = {
    "afrique-du-sud": "ZA", "albanie": "AL", "algerie": "DZ", "allemagne": "DE", "angola": "AO",
    "antilles-neerlandaises": "AN", "arabie-saoudite": "SA", "argentine": "AR", "armenie": "AM",
    "australie": "AU", "autriche": "AT", "azerbaidjan": "AZ", "bahrain": "BH", "bahrein": "BH",
    "bangladesh": "BD", "belarus": "BY", "belgique": "BE", "benin": "BJ", "bielorussie": "BY",
    "birmanie": "MM", "bolivie": "BO", "bosnie-herzegovine": "BA", "botswana": "BW", "bresil": "BR",
    "brunei": "BN", "brunei-darussalam": "BN", "bulgarie": "BG", "cambodge": "KH", "cameroun": "CM",
    "canada": "CA", "chili": "CL", "chine": "CN", "chypre": "CY", "colombie": "CO", "congo": "CG",
    "congo-democratique": "CD", "coree-du-nord": "KP", "coree-du-sud": "KR", "costa-rica": "CR",
    "cote-d-ivoire": "CI", "croatie": "HR", "cuba": "CU", "danemark": "DK",
    "dominicaine-republique": "DO", "dominique": "DM", "egypte": "EG", "el-salvador": "SV",
    "emirats-arabes-unis": "AE", "equateur": "EC", "erythree": "ER", "espagne": "ES", "estonie": "EE",
    "etats-unis": "US", "ethiopie": "ET", "finlande": "FI", "france": "FR", "gabon": "GA",
    "georgie": "GE", "ghana": "GH", "gibraltar": "GI", "grande-bretagne": "GB", "grece": "GR",
    "guatemala": "GT", "haiti": "HT", "honduras": "HN", "hong-kong": "HK", "hongrie": "HU", "inde": "IN",
    "indonesie": "ID", "irak": "IQ", "iran": "IR", "iraq": "IQ", "irlande": "IE", "islande": "IS",
    "israel": "IL", "italie": "IT", "jamaique": "JM", "japon": "JP", "jordanie": "JO", "kazakhstan": "KZ",
    "kazakstan": "KZ", "kenya": "KE", "kirghistan": "KG", "kirghizistan": "KG", "kosovo": "XK",
    "koweit": "KW", "lettonie": "LV", "liban": "LB", "libye": "LY", "lituanie": "LT", "luxembourg": "LU",
    "macedoine": "MK", "macedonie": "MK", "malaisie": "MY", "malte": "MT", "maroc": "MA", "mexique": "MX",
    "moldavie": "MD", "mongolie": "MN", "montenegro": "ME", "mozambique": "MZ", "namibie": "NA",
    "nepal": "NP", "nicaragua": "NI", "nigeria": "NG", "norvege": "NO", "nouvelle-zelande": "NZ",
    "oman": "OM", "ouzbekistan": "UZ", "pakistan": "PK", "panama": "PA", "paraguay": "PY",
    "pays-bas": "NL", "perou": "PE", "philippines": "PH", "pologne": "PL", "portugal": "PT",
    "qatar": "QA", "quatar": "QA", "rep-dem-du-congo": "CD", "republique-slovaque": "SK",
    "republique-tcheque": "CZ", "roumanie": "RO", "royaume-uni": "GB", "russie": "RU", "salvador": "SV",
    "senegal": "SN", "serbie": "RS", "serbie-montenegro": "CS", "singapour": "SG", "slovaquie": "SK",
    "slovenie": "SI", "soudan": "SD", "sri-lanka": "LK", "suede": "SE", "suisse": "CH", "syrie": "SY",
    "tadjikistan": "TJ", "taiwan": "TW", "tanzanie": "TZ", "thailande": "TH", "togo": "TG",
    "trinite-et-tobago": "TT", "tunisie": "TN", "turkmenistan": "TM", "turquie": "TR", "ukraine": "UA",
    "uruguay": "UY", "usa": "US", "venezuela": "VE", "viet-nam": "VN", "vietnam": "VN", "yemen": "YE",
    "zambie": "ZM", "zimbabwe": "ZW",
}  # fmt: skip
#: "Outre-mer": the territory as a slug. Corsica has a grid of its own and is printed among them.
_OVERSEAS: dict[str, Place] = {
    "corse": Place("FR-20R", True),
    "dom-com": Place("GROUP-FR-OVERSEAS", True),
    "guadeloupe": Place("GP", True),
    "guadeloupe-hors-com": Place("GP", False),
    "guadeloupe-martinique-guyane": Place("GROUP-GP-MQ-GF", True),
    "guadeloupe-martinique-guyane-corse": Place("GROUP-GP-MQ-GF-CORSICA", True),
    "guyane": Place("GF", True),
    "la-reunion": Place("RE", True),
    "martinique": Place("MQ", True),
    "mayotte": Place("YT", True),
    "nouvelle-caledonie": Place("NC", True),
    "polynesie-francaise": Place("PF", True),
    "polynesie-francaise-hors-tahiti": Place("PF", False),
    "reunion": Place("RE", True),
    "saint-barthelemy": Place("BL", True),
    "st-barthelemy": Place("BL", True),
    "st-martin": Place("MF", True),
    "st-pierre-et-miquelon": Place("PM", True),
    "tahiti": Place("PF", False),
}
_EUROPE: dict[str, Place] = {
    "": Place("GROUP-EUROPE", True),
    "europe": Place("GROUP-EUROPE", True),
    "ue-a-27": Place("GROUP-EU-27", True),
    "union-europeenne-a-27": Place("GROUP-EU-27", True),
}
_WORLD: dict[str, Place] = {
    "": Place("WORLD", True),
    "asie": Place("GROUP-ASIA", True),
    "mediterranee": Place("GROUP-MEDITERRANEAN", True),
    "moyenne-afrique": Place("GROUP-AFRICA", True),
    "moyenne-amerique-du-nord": Place("GROUP-NORTH-AMERICA", True),
    "moyenne-amerique-latine": Place("GROUP-LATIN-AMERICA", True),
    "moyenne-asie": Place("GROUP-ASIA", True),
    "moyenne-ex-urss": Place("GROUP-FORMER-USSR", True),
    "moyenne-moyen-orient": Place("GROUP-MIDDLE-EAST", True),
    "moyenne-pacifique": Place("GROUP-PACIFIC", True),
}
FRANCE = "France continentale"
#: What may stand in "Localisation géographique".
PLACES = (FRANCE, "Outre-mer", "Europe", "Monde", "Autre pays du monde")


def place(printed: str, within: str | None) -> Place | None:
    """The region behind "Localisation" and "Sous-localisation", or None when it is not known.

    Mainland France is ``FR`` with any place in it: towns, climate zones and the regions of before and after
    2016 are too mixed for codes, so the path keeps their names.
    """
    name = slug(within or "")
    if printed == FRANCE:
        return Place("FR", name in ("", "france"))
    if printed == "Autre pays du monde":
        if not name:
            return Place("GROUP-OTHER-COUNTRIES", True)
        return Place(COUNTRIES[name], True) if name in COUNTRIES else None
    return {"Outre-mer": _OVERSEAS, "Europe": _EUROPE, "Monde": _WORLD}.get(printed, {}).get(name)
