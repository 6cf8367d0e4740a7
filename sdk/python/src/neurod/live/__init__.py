"""Live sources: amplifiers and files that are recorded into a session as they run.

>>> import neurod, neurod.live
>>> source = neurod.live.from_lsl(type="EEG")
>>> with source.record(neurod.Client(), external_user_id="user_1") as recording:
...     for message in recording.session.stream():
...         print(message.type)

A recording goes on while the source or the service is away: a lost source is looked for again, and samples wait in memory, within a bound, for a
service to come back. What had to be dropped, and every gap, stands in ``recording.stats`` and in the log. Times are those of the source's clock,
brought to Unix time and freed of their jitter; markers become events at the sample that they belong to.

``Bridge`` runs a source as a device of the server instead, which starts and stops it.

Needs numpy, and ``neurod-client[lsl]`` or ``neurod-client[brainflow]``.
"""

from ._brainflow import from_brainflow
from ._bridge import Bridge
from ._file import from_file
from ._lsl import from_lsl
from ._recording import Recording, Stats
from ._source import Chunk, Marker, Source, SourceLost

__all__ = ["Bridge", "Chunk", "Marker", "Recording", "Source", "SourceLost", "Stats", "from_brainflow", "from_file", "from_lsl"]
