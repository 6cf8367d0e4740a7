"""The one place that knows which HTTP library is there.

``httpx2`` is the maintained continuation of ``httpx`` and needs Python 3.11; on 3.10 it is ``httpx`` itself. Both have the same names.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    if sys.version_info >= (3, 11):
        import httpx2 as httpx
    else:
        import httpx

__all__ = ["httpx"]
