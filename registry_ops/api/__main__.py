"""``python -m registry_ops.api --port N``: serve the HTTP interface on loopback."""

from __future__ import annotations

import argparse
import sys

from greenlang_assets.core.errors import GreenlangError
from registry_ops.api.server import serve


def main() -> int:
    """Serve until a signal comes; 1 when that is refused, with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m registry_ops.api", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1")
    try:
        serve(parser.parse_args().port)
    except KeyboardInterrupt:
        return 0
    except GreenlangError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
