"""The engine's cures, how each is switched off, and the test that must fail then. Production code knows nothing of it.

`runner.py` runs those tests; `MUTATION=name` in the environment switches a cure off in a worker process of the tests.
"""

import os

from tests.streams.engine.mutations import reading, stories, watching, writing
from tests.streams.engine.mutations.table import MUTATIONS, Mutation

__all__ = ["MUTATIONS", "NOTHING", "VARIABLE", "Mutation", "switch_off_what_is_named"]

VARIABLE = "MUTATION"
NOTHING = "nothing"  # the name of a run with all cures
assert reading
assert writing
assert watching
assert stories


def switch_off_what_is_named() -> None:
    """Called first, before an app is made."""
    name = os.environ.get(VARIABLE)
    if name:
        next(mutation for mutation in MUTATIONS if mutation.name == name).switch_off()
