"""The table of mutations, and how one is entered."""

from collections.abc import Callable
from typing import Any, NamedTuple

HERE = "tests/streams/engine/"


class Mutation(NamedTuple):
    """A cure in `module` of streams/engine, switched off, and the test that must fail then.

    `against` is what stock Faust does, as the row of the cure in ARCHITECTURE.md begins; empty for what only this
    design asks for.
    """

    module: str
    switch_off: Callable[[], None]
    test: str
    against: str

    @property
    def name(self) -> str:
        """What is the case then."""
        return self.switch_off.__name__


MUTATIONS: list[Mutation] = []


def cure(module: str, test: str, against: str = "") -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Enter a function that switches a cure off. `test`: its node, from here on or from `tests/` on."""

    def enter(switch_off: Callable[[], None]) -> Callable[[], None]:
        MUTATIONS.append(Mutation(module, switch_off, test if test.startswith("tests/") else HERE + test, against))
        return switch_off

    return enter


def put(owner: Any, name: str, value: Any) -> None:
    """In the place of what is there; a name that is not there is a mistake in the table."""
    assert name in vars(owner), f"{owner} has no {name} of its own"
    setattr(owner, name, value)


def inherit(owner: type, name: str) -> None:
    """As stock Faust does it."""
    assert name in vars(owner)
    delattr(owner, name)


async def nothing(*args: Any, **kwargs: Any) -> None:
    """An async function that does nothing."""
