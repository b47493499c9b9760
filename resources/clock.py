"""The clock of the machine, behind the protocol of the core.

Belongs here: telling the time. Does not belong here: anything that is hashed into an entry's body.
"""

from __future__ import annotations

import datetime as dt


class SystemClock:
    """The machine's time in UTC, to the microsecond."""

    def now(self) -> dt.datetime:
        """The present moment."""
        return dt.datetime.now(dt.UTC)
