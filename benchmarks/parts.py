"""The parts, in the order of a frame's way. Each has a NAME, a TITLE, and `measure(bench)`, which gives its tables."""

from types import ModuleType

from benchmarks import state
from benchmarks.api import part as api
from benchmarks.bridge import part as bridge
from benchmarks.decode import part as decode
from benchmarks.end_to_end import part as end_to_end
from benchmarks.engine import part as engine
from benchmarks.recovery import part as recovery
from benchmarks.sink import part as sink
from benchmarks.steady import part as steady

_ALL = (bridge, decode, engine, steady, sink, state, end_to_end, recovery, api)
PARTS: dict[str, ModuleType] = {part.NAME: part for part in _ALL}
