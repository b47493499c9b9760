"""The formula library: every equation and binding that ships, found by id, proved on demand.

Belongs here: reading family files, generating bindings, refusing doubles, counting.
Does not belong here: the shape of an equation (``model``) or binding (``binding``), the proof itself
(``proof``).

Loading reads and checks the shape of the files and selects factor rows; it parses no expression and
converts no unit, so that listing the library is instant. :meth:`Library.validate` does all the rest.

Three things are counted apart: *equations* (distinct expressions with an official identifier whose text
was read), *bindings* (equation × factor row), and factors, which are the catalogue's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import ValidationError

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import FACTOR_SCHEMA
from greenlang_assets.core.formulas.binding import COLUMN_GAS, Binding
from greenlang_assets.core.formulas.bound import Bound
from greenlang_assets.core.formulas.model import BindingRule, Equation, Family, FormulaInput, Gap, Vector
from greenlang_assets.core.formulas.parameter_binding import ParameterBinding, bind
from greenlang_assets.core.formulas.parameter_rule import ParameterRule
from greenlang_assets.core.parameters.tables import Parameters
from greenlang_assets.core.strict_yaml import Document, YamlRefused, load

if TYPE_CHECKING:
    from greenlang_assets.core.factors.catalogue import Catalogue
    from greenlang_assets.core.formulas.proof import Proof
    from greenlang_assets.core.gwp import GwpTable

FORMULAS_ROOT = DATA_ROOT / "formulas"
#: A family file is ours and reviewed: larger than what strangers may send. The bytes limit it, not the nodes.
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_FILE_NODES = MAX_FILE_BYTES


class Library:
    """Equations and their bindings.

    Args:
        families: file name -> YAML text.
        catalogue: where factor rows come from.
        parameters: where rows of parameter tables come from; the shipped tables unless given.
        gwp: where GWP inputs of test vectors come from; the shipped table unless given.

    Raises:
        GreenlangError: ``YAML_INVALID`` or ``YAML_LIMIT`` with file, line and column; ``FAMILY_INVALID``
            with file, line and path; ``FORMULA_DOUBLED``;
            ``BINDING_RULE`` for a rule that selects nothing or names what does not exist.
    """

    def __init__(
        self,
        families: Mapping[str, str],
        catalogue: Catalogue,
        gwp: GwpTable | None = None,
        parameters: Parameters | None = None,
    ) -> None:
        self._gwp_table = gwp
        self.gaps: tuple[Gap, ...] = ()
        self._equations: dict[str, Equation] = {}
        self._bindings: dict[str, Bound] = {}
        self.unbound: Counter[str] = Counter()
        rules: list[tuple[str, BindingRule]] = []
        parameter_rules: list[tuple[str, ParameterRule]] = []
        for name, text in sorted(families.items()):
            family = _read_family(name, text)
            self.gaps += family.gaps
            rules += [(name, rule) for rule in family.bindings]
            parameter_rules += [(name, rule) for rule in family.parameter_bindings]
            for equation in family.equations:
                self._add(self._equations, equation.id, equation)
        for name, rule in rules:
            self._bind(name, rule, catalogue.frame)
        if parameter_rules:
            at_hand = parameters or Parameters.shipped()
            for name, parameter_rule in parameter_rules:
                self._bind_parameters(name, parameter_rule, at_hand)

    @classmethod
    def shipped(
        cls, catalogue: Catalogue, root: Path = FORMULAS_ROOT, parameters: Parameters | None = None
    ) -> Library:
        """The library in ``data/formulas``, bound to a catalogue and to the shipped parameter tables."""
        files = sorted(root.glob("*.yaml"))
        families = {path.name: path.read_text("utf-8") for path in files}
        return cls(families, catalogue, parameters=parameters)

    # --- building

    @staticmethod
    def _add(known: dict[str, Any], name: str, item: object) -> None:
        if name in known:
            raise GreenlangError(
                "FORMULA_DOUBLED", "two formulas have the same id", found=name, expected="each id once"
            )
        known[name] = item

    def _bind(self, file: str, rule: BindingRule, frame: pl.DataFrame) -> None:
        equation = self._equations.get(rule.equation)
        where = {"file": file, "equation": rule.equation}
        if equation is None:
            raise _rule_error(
                where, "the equation is not in the library", rule.equation, self._near(rule.equation)
            )
        symbols = {item.symbol: item for item in equation.inputs}
        for symbol, column in rule.roles.items():
            if symbol not in symbols or symbols[symbol].role not in ("factor", "gwp"):
                factors = ", ".join(item.symbol for item in equation.inputs if item.role in ("factor", "gwp"))
                raise _rule_error(where, "roles name inputs with the role factor", symbol, factors)
            if column not in COLUMN_GAS:
                raise _rule_error(where, "no factor column is called so", column, ", ".join(COLUMN_GAS))
        for symbol in rule.absent:
            if symbol not in symbols or symbol in rule.roles or symbols[symbol].index is not None:
                others = ", ".join(name for name in symbols if name not in rule.roles)
                raise _rule_error(where, "an absent input is an input that nothing feeds", symbol, others)
        for column in rule.factors:
            if column not in FACTOR_SCHEMA:
                raise _rule_error(where, "no factor column is called so", column, ", ".join(FACTOR_SCHEMA))
        selected = frame.filter(
            *(
                _matches(column, wanted if isinstance(wanted, list) else [wanted])
                for column, wanted in rule.factors.items()
            )
        )
        complete = selected.drop_nulls(list(rule.roles.values()))
        self.unbound[equation.id] += selected.height - complete.height
        if not complete.height:
            raise _rule_error(where, "the rule selects no factor row", str(rule.factors), "at least one row")
        for row in complete.sort("factor_id").iter_rows(named=True):
            binding = Binding(equation, rule, row, self._gwp)
            self._add(self._bindings, binding.id, binding)

    def _bind_parameters(self, file: str, rule: ParameterRule, parameters: Parameters) -> None:
        where = {"file": file, "equation": rule.equation}
        equation = self._equations.get(rule.equation)
        if equation is None:
            near = self._near(rule.equation)
            raise _rule_error(where, "the equation is not in the library", rule.equation, near)
        try:
            for binding in bind(rule, equation, parameters, self._gwp):
                self._add(self._bindings, binding.id, binding)
        except GreenlangError as error:
            error.where.update(where)
            raise

    def _gwp(self, gwp_set: str, item: FormulaInput) -> float:
        from greenlang_assets.core.gwp import GwpTable

        if self._gwp_table is None:
            self._gwp_table = GwpTable.shipped()
        gas = item.gas or item.symbol.removeprefix("gwp_").upper()
        look_up = self._gwp_table.for_combustion if item.combustion else self._gwp_table.value
        return look_up(gwp_set, gas).value

    # --- questions

    @property
    def equations(self) -> tuple[Equation, ...]:
        """Every equation, sorted by id."""
        return tuple(self._equations[name] for name in sorted(self._equations))

    @property
    def bindings(self) -> tuple[Bound, ...]:
        """Every binding, sorted by id."""
        return tuple(self._bindings[name] for name in sorted(self._bindings))

    @property
    def factor_bindings(self) -> tuple[Binding, ...]:
        """The bindings to rows of the factor catalogue, sorted by id."""
        return tuple(binding for binding in self.bindings if isinstance(binding, Binding))

    @property
    def parameter_bindings(self) -> tuple[ParameterBinding, ...]:
        """The bindings to rows of parameter tables, sorted by id."""
        return tuple(binding for binding in self.bindings if isinstance(binding, ParameterBinding))

    def equation(self, id: str) -> Equation:
        """The equation of that id.

        Raises:
            GreenlangError: ``FORMULA_NOT_FOUND`` with the nearest ids.
        """
        found = self._equations.get(id)
        if found is None:
            raise self._not_found(id)
        return found

    def binding(self, id: str) -> Bound:
        """The binding of that id, ``<equation id>/<factor id>`` or ``<equation id>/<parameter ids>``.

        Raises:
            GreenlangError: ``FORMULA_NOT_FOUND`` with the nearest ids.
        """
        found = self._bindings.get(id)
        if found is None:
            raise self._not_found(id)
        return found

    def factor_binding(self, id: str) -> Binding:
        """The binding of that id to a row of the factor catalogue.

        Raises:
            GreenlangError: ``FORMULA_NOT_FOUND`` for another id, that of a parameter binding among them.
        """
        found = self.binding(id)
        if not isinstance(found, Binding):
            raise self._not_found(id)
        return found

    def find_binding(self, *, factor_id: str, equation: str | None = None) -> Binding:
        """The binding of a factor row; ``equation`` chooses where several equations use the row.

        Raises:
            GreenlangError: ``FORMULA_NOT_FOUND``, ``FORMULA_AMBIGUOUS`` naming the equations.
        """
        found = [
            binding
            for binding in self._by_factor.get(factor_id, ())
            if equation is None or binding.equation.id == equation
        ]
        if not found:
            raise GreenlangError(
                "FORMULA_NOT_FOUND",
                "no formula of the library is bound to this factor",
                found=factor_id,
                expected="a factor that a binding rule selects",
                hint="glac formulas list shows what is bound",
            )
        if len(found) > 1:
            raise GreenlangError(
                "FORMULA_AMBIGUOUS",
                "several formulas are bound to this factor",
                found=factor_id,
                expected="one of the equations " + ", ".join(binding.equation.id for binding in found),
                hint="name the equation",
            )
        return found[0]

    @cached_property
    def _by_factor(self) -> dict[str, list[Binding]]:
        index: dict[str, list[Binding]] = defaultdict(list)
        for binding in self.factor_bindings:
            index[binding.factor_id].append(binding)
        return dict(index)

    def _near(self, name: str) -> str:
        from rapidfuzz import process

        # Of a binding's id the part before the first slash is the equation's.
        known = [*self._equations, *(self._bindings if "/" in name else ())]
        return ", ".join(match for match, _, _ in process.extract(name, known, limit=4)) or "none is loaded"

    def _not_found(self, name: str) -> GreenlangError:
        return GreenlangError(
            "FORMULA_NOT_FOUND",
            "the library has no formula of that id",
            found=name,
            expected="one of the nearest: " + self._near(name),
        )

    def inputs_of(self, equation: Equation, vector: Vector) -> dict[str, Any]:
        """The inputs of an equation's test vector, GWP inputs filled in from its set."""
        inputs: dict[str, Any] = dict(vector.inputs)
        if vector.gwp_set is not None:
            for item in equation.inputs:
                if item.role == "gwp" and item.symbol not in inputs:
                    inputs[item.symbol] = self._gwp(vector.gwp_set, item)
        return inputs

    # --- proof and counts

    def prove(self, id: str | None = None) -> Proof:
        """Checks one formula or all of them; the answer lists every fault and raises none."""
        from greenlang_assets.core.formulas.proof import prove

        return prove(self, id)

    def validate(self) -> Proof:
        """Checks every equation and binding: syntax, dimensions, doubles, test vectors on all engines.

        Raises:
            GreenlangError: ``LIBRARY_INVALID`` naming the first faults.
        """
        proof = self.prove()
        if proof.faults:
            raise GreenlangError(
                "LIBRARY_INVALID",
                f"{len(proof.faults)} faults in the formula library",
                found="; ".join(f"{fault.formula}: {fault.error}" for fault in proof.faults[:5]),
                expected="formulas that are read, fit in their units and reproduce their test vectors",
                hint="glac formulas validate lists every fault",
            )
        return proof

    @property
    def largest_share(self) -> dict[str, Any] | None:
        """The equation with the most bindings, their number and their share of all; None without bindings."""
        counts = Counter(binding.equation.id for binding in self._bindings.values())
        if not counts:
            return None
        equation, most = min(counts.items(), key=lambda item: (-item[1], item[0]))
        return {"equation": equation, "bindings": most, "share": round(most / counts.total(), 4)}

    def stats(self) -> dict[str, Any]:
        """Counts: equations (official text read), second_hand, bindings, and how they are proved.

        ``same_form`` counts official numbers that are printed again with the form of one of the equations;
        ``with_external_vector`` counts equations, second-hand ones among them, with a result that somebody
        else worked out: ``external_from_documents`` of them one that is published,
        ``external_from_peers`` one that a peer printed and prints again in the tests (an equation may have
        both). ``bindings_with_external_figure`` counts bindings whose publisher states a result that the
        formula was not given, ``bindings_with_peer_run`` those beside which the tests run a peer,
        ``parameter_bindings`` those to parameter tables; ``unbound_rows`` counts the factor rows that a rule
        selected but that lack a figure.
        """
        from greenlang_assets.core.formulas.proof import doubles

        official = [item for item in self._equations.values() if item.citation.text == "official"]
        families: dict[str, Counter[str]] = defaultdict(Counter)
        domains: dict[str, Counter[str]] = defaultdict(Counter)
        for kind, items in (("equations", self._equations), ("bindings", self._bindings)):
            for item in items.values():
                families[item.family][kind] += 1
                domains[item.domain][kind] += 1
        external = [
            {vector.peer is not None for vector in item.vectors if vector.external}
            for item in self._equations.values()
        ]
        return {
            "equations": len(official),
            "second_hand": len(self._equations) - len(official),
            "same_form": sum(len(item.citation.same_form or ()) for item in self._equations.values()),
            "bindings": len(self._bindings),
            "parameter_bindings": len(self.parameter_bindings),
            "bindings_with_peer_run": sum(item.peer is not None for item in self._bindings.values()),
            "largest_share": self.largest_share,
            "by_family": {name: dict(sorted(counts.items())) for name, counts in sorted(families.items())},
            "by_domain": {name: dict(sorted(counts.items())) for name, counts in sorted(domains.items())},
            "with_external_vector": sum(map(bool, external)),
            "external_from_documents": sum(False in kinds for kinds in external),
            "external_from_peers": sum(True in kinds for kinds in external),
            "bindings_with_external_figure": sum(item.rule.is_external for item in self.factor_bindings),
            "duplicates": len(doubles(self)),
            "unbound_rows": sum(self.unbound.values()),
            "gaps": [gap.model_dump() for gap in self.gaps],
        }


def _matches(column: str, values: list[Any]) -> pl.Expr:
    texts = [value for value in values if value is not None]
    dtype = FACTOR_SCHEMA[column]
    begins: list[str] = []
    if dtype == pl.String():
        texts = [str(value) for value in texts]
        begins = [text[:-1] for text in texts if text.endswith("*")]
        texts = [text for text in texts if not text.endswith("*")]
    found = pl.col(column).is_in(pl.Series(texts, dtype=dtype).implode())
    for beginning in begins:
        found |= pl.col(column).str.starts_with(beginning)
    return found | pl.col(column).is_null() if None in values else found


def _rule_error(where: dict[str, Any], message: str, found: str, expected: str) -> GreenlangError:
    return GreenlangError("BINDING_RULE", message, found=found, expected=expected, where=where)


def _read_family(name: str, text: str) -> Family:
    try:
        document = load(text, max_bytes=MAX_FILE_BYTES, max_nodes=MAX_FILE_NODES, decimals=True)
    except YamlRefused as refused:
        raise GreenlangError(
            "YAML_LIMIT" if refused.code.startswith("YAML_TOO_") else "YAML_INVALID",
            refused.message,
            found=refused.found,
            expected=refused.expected,
            hint=refused.hint,
            where={"file": name, **refused.where},
        ) from None
    try:
        family = Family.model_validate(document.data)
    except ValidationError as error:
        raise _invalid(name, document, error) from None
    if (family.equations or family.bindings) and family.family is None:
        raise GreenlangError(
            "FAMILY_INVALID", "the family has no name", where={"file": name}, expected="family: …"
        )
    named = tuple(
        equation.model_copy(update={"family": family.family}) if not equation.family else equation
        for equation in family.equations
    )
    return family.model_copy(update={"equations": named})


def _invalid(name: str, document: Document, error: ValidationError) -> GreenlangError:
    first = error.errors(include_url=False)[0]
    path = tuple(first["loc"])
    given = first.get("input")
    identity = None
    if len(path) > 1 and path[0] == "equations" and isinstance(path[1], int):
        identity = document.data["equations"][path[1]].get("id")
    line = document.place(path).line
    where: dict[str, Any] = {"file": name, "line": line, "path": ".".join(map(str, path))}
    if identity is not None:
        where["formula"] = identity
    return GreenlangError(
        "FAMILY_INVALID",
        f"the family file is not as it must be ({error.error_count()} faults): {first['msg']}",
        found=None if isinstance(given, dict | list) else str(given)[:80],
        expected=path[-1] if path and first["type"] == "missing" else None,
        where=where,
    )
