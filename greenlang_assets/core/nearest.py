"""The known names nearest to one that is not known: what a refusal suggests.

Belongs here: choosing among many names in bounded time. Does not belong here: finding what somebody means
(``factors.search``).
"""

from __future__ import annotations

from collections.abc import Iterable

#: Of more names than so many, this many are compared closely.
_MANY, _CLOSE = 1000, 100
#: No name is longer; what lies behind is not looked at, so that a long text costs no more than a name.
_LONGEST = 400


def nearest(text: str, known: Iterable[str], limit: int = 5) -> list[str]:
    """The known names nearest to a text, best first.

    Args:
        text: what was asked for.
        known: every name.
        limit: how many.
    """
    from rapidfuzz import fuzz, process

    text, names = text[:_LONGEST], list(known)
    if len(names) > _MANY:
        # The scorer that also sees parts and other orders takes a second over all ids; a plain one chooses.
        close = [match for match, _, _ in process.extract(text, names, scorer=fuzz.ratio, limit=_CLOSE)]
        holding = sorted((name for name in names if text in name), key=len)[:_CLOSE]
        names = list(dict.fromkeys((*close, *holding)))
    return [match for match, _, _ in process.extract(text, names, scorer=fuzz.WRatio, limit=limit)]
