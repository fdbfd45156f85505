"""Gateways, plans and findings as text and as JSON."""

import json
from collections.abc import Sequence

from cli.table import table
from shelly.rpc.discovery import Found
from shelly.setup.check import Finding
from shelly.setup.plan import Step
from shelly.setup.sensors import Heard


def found_text(found: Sequence[Found]) -> str:
    """A line for each address."""
    rows = [["address", "gateway", "model", "firmware", "generation", "password", ""]]
    for each in found:
        one = each.identity
        if one is None:
            rows.append([each.address, "-", "-", "-", "-", "-", each.trouble or ""])
        else:
            password = "yes" if one.protected else "no"
            rows.append([each.address, one.id, one.model, one.firmware, str(one.generation), password, ""])
    return "\n".join(table(rows))


def found_json(found: Sequence[Found]) -> str:
    """A list of objects; `trouble` says why nobody answered."""
    told = []
    for each in found:
        one = each.identity
        facts = (
            {}
            if one is None
            else {
                "gateway": one.id,
                "model": one.model,
                "firmware": one.firmware,
                "generation": one.generation,
                "password": one.protected,
            }
        )
        told.append({"address": each.address, **facts, "trouble": each.trouble})
    return _json(told)


def steps_text(steps: Sequence[Step], *, reboot: bool) -> str:
    """The plan, numbered."""
    titles = [step.title for step in steps] + (["reboot: it waits for one already"] if reboot else [])
    return "\n".join(f"{n:>3}. {title}" for n, title in enumerate(titles, 1))


def findings_text(findings: Sequence[Finding]) -> str:
    """A line for each: how bad, what, how to mend it."""
    return "\n".join(
        f"{'WRONG' if each.serious else 'note ':<5} {each.what}\n      -> {each.mend}" for each in findings
    )


def findings_json(findings: Sequence[Finding]) -> str:
    """A list of objects."""
    return _json([each._asdict() for each in findings])


def heard_text(heard: Sequence[Heard]) -> str:
    """A line for each sensor."""
    rows = [["sensor", "rssi dBm", "seconds ago", "encrypted"]]
    rows += [
        [each.mac, _or_dash(each.rssi), "-" if each.age is None else f"{each.age:.0f}", _yes(each.encrypted)]
        for each in heard
    ]
    return "\n".join(table(rows))


def heard_json(heard: Sequence[Heard]) -> str:
    """A list of objects; what nobody can tell is null."""
    keys = ("mac", "rssi", "age", "encrypted")
    return _json([dict(zip(keys, (each.mac, each.rssi, each.age, each.encrypted), strict=True)) for each in heard])


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _yes(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "no"
