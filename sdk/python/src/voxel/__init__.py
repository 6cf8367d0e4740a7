"""The name that the sessions document imports. It is package :mod:`neurod` under another name.

``pip install neurod-client`` brings both. The package called ``voxel-sdk`` on PyPI is somebody else's.
"""

from neurod import *  # noqa: F403
from neurod import __all__ as __all__
