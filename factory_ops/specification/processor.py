"""The processor: a pack's text in, its specification, its plan and every fault out.

Belongs here: the order of the steps. Does not belong here: any rule.

Steps: strict YAML → generation → readers → shape → rules across fields → references → formula. Each runs as
far as what it needs is sound, so that one answer holds all that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from factory_ops.specification.answer import (
    Judge,
    PackRefused,
    ValidationAnswer,
    answer_of,
    answer_unreadable,
)
from factory_ops.specification.domains import DomainMatch, match_domain
from factory_ops.specification.formula_inference import infer
from factory_ops.specification.generations import recognise
from factory_ops.specification.goldens import check_goldens
from factory_ops.specification.readers import normalised
from factory_ops.specification.references import resolve_all
from factory_ops.specification.rules import check_rules
from factory_ops.specification.schema import checked
from greenlang_assets.core.strict_yaml import Document, YamlRefused, load
from greenlang_assets.sdk.pack import SCHEMA_VERSION, PackSpec
from greenlang_assets.sdk.plan import CalculationPlan

if TYPE_CHECKING:
    from greenlang_assets.core.factors.catalogue import Catalogue
    from greenlang_assets.core.formulas.library import Library

#: Id and version -> SHA-256 of the pack that carries them already, or None.
Published = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class Processed:
    """Everything that is known of one pack.

    Attributes:
        answer: errors and warnings.
        spec: the canonical specification; None when the pack is not valid.
        plan: how its numbers come about; None for packs that are no calculators.
        domain: where it belongs; None when the pack is not valid.
    """

    answer: ValidationAnswer
    spec: PackSpec | None = None
    plan: CalculationPlan | None = None
    domain: DomainMatch | None = None


class SpecProcessor:
    """Process and validate agent specifications.

    Args:
        catalogue: gives the factors that references are resolved against; asked when the first is.
        library: gives the formulas, bound to that catalogue.
        published: knows which content carries an id and version already.
    """

    def __init__(
        self,
        catalogue: Callable[[], Catalogue] | None = None,
        library: Callable[[Catalogue], Library] | None = None,
        *,
        published: Published | None = None,
    ) -> None:
        self._make_catalogue = catalogue
        self._make_library = library
        self._published = published

    @cached_property
    def catalogue(self) -> Catalogue:
        """The factors; the shipped ones unless others were given."""
        from greenlang_assets.core.factors.catalogue import Catalogue

        return (self._make_catalogue or Catalogue.shipped)()

    @cached_property
    def library(self) -> Library:
        """The formulas; the shipped ones unless others were given."""
        from greenlang_assets.core.formulas.library import Library

        return (self._make_library or Library.shipped)(self.catalogue)

    def parse(self, pack_yaml: str | bytes) -> PackSpec:
        """The specification of a valid pack.

        Raises:
            PackRefused: the pack is not valid; its ``answer`` holds all errors.
        """
        answer = self.validate(pack_yaml)
        if answer.spec is None:
            raise PackRefused(answer)
        return answer.spec

    def validate(self, pack: str | bytes | PackSpec, *, strict: bool = False) -> ValidationAnswer:
        """Every error and warning of a pack.

        Args:
            pack: the file's text, or a specification (whose issues then have no lines).
            strict: unknown keys are errors.
        """
        return self.process(pack, strict=strict).answer

    def process(self, pack: str | bytes | PackSpec, *, strict: bool = False) -> Processed:
        """The answer together with specification, plan and domain."""
        if isinstance(pack, PackSpec):
            return self._judged(pack, Judge(), pack.canonical())
        try:
            document = load(pack)
        except YamlRefused as refused:
            return Processed(answer_unreadable(refused))
        judge = Judge(document)
        generation = recognise(document.data)
        if generation is not None:
            judge.error(
                generation.code,
                generation.path,
                generation.reason,
                found=generation.found,
                expected=f"a pack of schema_version {SCHEMA_VERSION}",
                hint=generation.hint,
            )
            self._reused_by_other_generation(document, judge)
            return Processed(answer_of(judge, schema=generation.name, spec=None))
        if not isinstance(document.data, dict):
            judge.error(
                "NOT_A_PACK", (), "a pack is a mapping", found=type(document.data).__name__, expected="keys"
            )
            return Processed(answer_of(judge, schema="unknown", spec=None))
        data = normalised(document, judge)
        spec = checked(data, document, judge, strict=strict)
        return self._judged(spec, judge, data)

    def match_domain(self, spec: PackSpec) -> DomainMatch:
        """The domain of a specification, with confidence and runner-up."""
        return match_domain(spec)

    def _judged(self, spec: PackSpec, judge: Judge, data: dict[str, object]) -> Processed:
        sound = not judge.errors
        check_rules(spec, data, judge)
        check_goldens(spec, judge)
        plan = None
        if spec.compute is not None:
            before = len(judge.errors)
            # Asked for one reference at a time: a pack without any costs no catalogue.
            resolved = resolve_all(spec, lambda reference: self.catalogue.resolve(reference), judge)
            calculates = bool(spec.compute.factors) or spec.compute.formula is not None
            if calculates and sound and len(judge.errors) == before:
                plan = infer(spec, resolved, self.library, judge)
        if sound:
            self._reused(spec, judge)
        schema = data.get("schema_version")
        answer = answer_of(judge, schema=schema if isinstance(schema, str) else "unknown", spec=spec)
        if answer.spec is None:
            return Processed(answer)
        return Processed(answer, spec, plan, match_domain(spec))

    def _reused(self, spec: PackSpec, judge: Judge) -> None:
        known = self._published(spec.id, spec.version) if self._published else None
        if known is not None and known != spec.sha256:
            self._refuse_reuse(spec.id, spec.version, spec.sha256, known, judge)

    def _reused_by_other_generation(self, document: Document, judge: Judge) -> None:
        data = document.data if isinstance(document.data, dict) else {}
        identity, version = data.get("id"), data.get("version")
        if not (self._published and isinstance(identity, str) and isinstance(version, str)):
            return
        known = self._published(identity, version)
        if known is not None:
            self._refuse_reuse(identity, version, "another generation of pack", known, judge)

    @staticmethod
    def _refuse_reuse(identity: str, version: str, found: str, known: str, judge: Judge) -> None:
        judge.error(
            "VERSION_REUSED",
            ("version",),
            f"{identity} {version} exists already, with other content",
            found=found,
            expected=known,
            hint="a published version never changes; raise the version",
        )
