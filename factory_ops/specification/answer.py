"""What a pack's reader is told: every error and every warning, each with its place in the file.

Belongs here: the shape of an answer, its exit code. Does not belong here: what is judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.strict_yaml import Document, Path, YamlRefused
from greenlang_assets.sdk.pack import PackSpec

VALID, INVALID, UNREADABLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault or one normalisation.

    ``line`` and ``column`` count from 1 and are None where a specification was judged without its file.
    """

    code: str
    line: int | None
    column: int | None
    path: str
    found: str | None
    expected: str | None
    message: str
    hint: str | None

    def as_dict(self) -> dict[str, Any]:
        """The issue as JSON-ready data."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def order(self) -> tuple[int, int, str, str]:
        """Place in the file first."""
        return (self.line or 0, self.column or 0, self.path, self.code)


def path_text(path: Path) -> str:
    """``("compute", "factors", 0, "ref")`` as ``compute.factors[0].ref``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def shown(value: Any) -> str | None:
    """A value as it is shown in ``found``: short, on one line."""
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 400 else text[:399] + "…"


@dataclass(slots=True)
class Judge:
    """Collects issues and knows where each path stands in the file."""

    document: Document | None = None
    errors: list[Issue] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    #: Canonical path -> path in the file, where a reader moved something.
    moved: dict[Path, Path] = field(default_factory=dict)

    def error(self, code: str, path: Path, message: str, **details: Any) -> None:
        """Note a fault: the pack is not valid."""
        self.errors.append(self._issue(code, path, message, **details))

    def warn(self, code: str, path: Path, message: str, **details: Any) -> None:
        """Note what was normalised, inferred or is doubtful."""
        self.warnings.append(self._issue(code, path, message, **details))

    def refuse(self, error: GreenlangError, path: Path, *, as_warning: bool = False) -> None:
        """Note another layer's refusal at a path of the pack."""
        note = self.warn if as_warning else self.error
        note(
            error.code,
            path,
            error.message,
            found=error.found,
            expected=error.expected,
            hint=error.hint,
        )

    def _issue(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        found: Any = None,
        expected: Any = None,
        hint: str | None = None,
    ) -> Issue:
        source = self.source_path(path)
        place = self.document.place(source) if self.document else None
        return Issue(
            code=code,
            line=place.line if place else None,
            column=place.column if place else None,
            path=path_text(path),
            found=shown(found),
            expected=shown(expected) if expected is None or isinstance(expected, str) else str(expected),
            message=message,
            hint=hint,
        )

    def source_path(self, path: Path) -> Path:
        """Where a canonical path stands in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.moved:
                return self.moved[path[:length]] + path[length:]
        return path


@dataclass(frozen=True, slots=True)
class ValidationAnswer:
    """The whole answer to one pack.

    Attributes:
        valid: no errors.
        schema: ``2.0.0``, or the name of the generation that was recognised and refused.
        errors: in the order of the file.
        warnings: in the order of the file.
        spec: the canonical specification; None when the pack is not valid.
        unreadable: the text is not YAML, or was refused for size, depth, aliases and the like.
    """

    valid: bool
    schema: str
    errors: tuple[Issue, ...]
    warnings: tuple[Issue, ...]
    spec: PackSpec | None = None
    unreadable: bool = False

    @property
    def exit_code(self) -> int:
        """0 valid, 1 invalid, 2 not YAML or refused for its form."""
        if self.unreadable:
            return UNREADABLE
        return VALID if self.valid else INVALID

    def as_dict(self) -> dict[str, Any]:
        """``{"valid", "schema", "errors", "warnings"}`` as JSON-ready data."""
        return {
            "valid": self.valid,
            "schema": self.schema,
            "errors": [issue.as_dict() for issue in self.errors],
            "warnings": [issue.as_dict() for issue in self.warnings],
        }


def answer_of(judge: Judge, *, schema: str, spec: PackSpec | None) -> ValidationAnswer:
    """The judge's notes as an answer."""
    valid = not judge.errors
    return ValidationAnswer(
        valid=valid,
        schema=schema,
        errors=_ordered(judge.errors),
        warnings=_ordered(judge.warnings),
        spec=spec if valid else None,
    )


def answer_unreadable(refused: YamlRefused) -> ValidationAnswer:
    """The answer to a text that could not be read as YAML."""
    issue = Issue(
        code=refused.code,
        line=refused.where.get("line"),
        column=refused.where.get("column"),
        path="",
        found=refused.found,
        expected=refused.expected,
        message=refused.message,
        hint=refused.hint,
    )
    return ValidationAnswer(False, "unknown", (issue,), (), unreadable=True)


def _ordered(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    return tuple(sorted(dict.fromkeys(issues), key=lambda issue: issue.order))


class PackRefused(GreenlangError):
    """A pack that is not valid; ``answer`` holds all its errors."""

    def __init__(self, answer: ValidationAnswer) -> None:
        first = answer.errors[0]
        more = f" and {len(answer.errors) - 1} more" if len(answer.errors) > 1 else ""
        super().__init__(
            first.code if answer.unreadable else "PACK_INVALID",
            f"{first.message} ({first.path or 'the file'}){more}",
            found=first.found,
            expected=first.expected,
            hint=first.hint,
            where={"line": first.line, "column": first.column, "path": first.path},
        )
        self.answer = answer
