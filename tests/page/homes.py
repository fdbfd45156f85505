"""Homes to look at: sensors with names, places and troubles, and what they said in the last week."""

import math
from collections.abc import Iterator

from api.times import system_clock
from schemas.aggregate import Aggregate
from schemas.gateway import GatewayState, Heartbeat
from schemas.reading import Latest, LatestValue, Reception
from tests.page.site import Site

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NEAR, FAR = "shellypro2-0cb815fcaff4", "shellyplus1-a8032abe54dc"

# name, location, temperature, humidity, minutes of silence, gateway
ROOMS = (
    ("Bedroom", "Upstairs", 19.4, 52, 0.4, NEAR),
    ("Children", "Upstairs", 20.8, 49, 0.7, NEAR),
    ("Bathroom", "Upstairs", 22.9, 71, 0.2, NEAR),
    ("Living room", "Ground floor", 21.6, 47, 0.1, NEAR),
    ("Fridge", "Ground floor", 9.3, 38, 0.5, NEAR),
    ("Freezer", "Cellar", -18.7, 61, 12.1, FAR),
    ("Wine", "Cellar", 12.1, 68, 4.1, FAR),
    ("Greenhouse", "Garden", 16.4, 83, 200.1, NEAR),
    ("Shed", "Garden", 11.8, 77, 0.6, NEAR),
)
STRANGER = "7c:c6:b6:ff:00:01"


def address(number: int) -> str:
    return f"7c:c6:b6:11:{number // 256:02x}:{number % 256:02x}"


def state(sensor: str, revision: int = 1, *, silent: float = 0, gateway: str = NEAR, **values: object) -> Latest:
    """A sensor that was last heard so many minutes ago."""
    at = system_clock() - round(silent * MINUTE)
    said = {"temperature": 21.0, "humidity": 50, "battery": 100} | values
    return Latest(
        sensor=sensor,
        revision=revision,
        measured_at=at,
        last_seen=at,
        time_source="gateway",
        gateway=gateway,
        values={name: LatestValue(value, at) for name, value in said.items()},
        readings=revision,
        rssi=-66,
        packet_id=78,
        receptions={gateway: Reception(-66, at, 412)},
    )


SILENT = 12 * MINUTE + 6_000  # not on the minute: the browser knows the server's clock to half a second


def gateways() -> tuple[GatewayState, ...]:
    """One that speaks, and one that does not."""
    now = system_clock()
    beat = Heartbeat(now - 20_000, 93_600, 12_000, 11_990, 0, 14_000)
    return (
        GatewayState(NEAR, NEAR, 1, now - 3_000, 41_230, skew_ms=400, online=True, heartbeat=beat),
        GatewayState(
            FAR, FAR, 1, now - SILENT, 9_120, silent_since=now - SILENT, skew_ms=-7_200, online=False,
            reboots=2, stopped_scripts={"script:1": "out_of_memory"},
        ),
    )  # fmt: skip


def small_home(site: Site) -> None:
    """Ten sensors, some of them in trouble, one that nobody has entered."""
    lines = [
        f"  {address(number)}: {{name: {name}, location: {place}"
        + (", limits: {temperature: [2, 8]}" if name == "Fridge" else "")
        + "}\n"
        for number, (name, place, *_) in enumerate(ROOMS)
    ]
    site.register("".join(lines))
    site.say(*gateways())
    for number, (_, _, temperature, humidity, silent, gateway) in enumerate(ROOMS):
        battery = 12 if number == 2 else 100 - number * 4
        site.say(
            state(
                address(number),
                silent=silent,
                gateway=gateway,
                temperature=temperature,
                humidity=humidity,
                battery=battery,
            )
        )
    site.say(state(STRANGER, silent=0.3, temperature=23.4, humidity=44))


def healthy_home(site: Site, sensors: int = 300) -> None:
    """Many sensors in thirty places, all but two of them fresh."""
    site.register(
        "".join(f"  {address(one)}: {{name: Sensor {one}, location: Room {one // 10 + 1}}}\n" for one in range(sensors))
    )
    site.say(gateways()[0])
    for number in range(sensors):
        silent = {7: 4, 130: 70}.get(number, number % 50 / 60)
        temperature, humidity = 18 + number % 70 / 10, 40 + number % 30
        site.say(state(address(number), silent=silent, temperature=temperature, humidity=humidity))


def week(sensor: str) -> Iterator[Aggregate]:
    """Windows of the last week: three hours of the last day are missing, and one day of the week."""
    now = system_clock()
    for width, span in ((300, DAY), (3600, 7 * DAY)):
        step = width * 1000
        for start in range((now - span) // step * step, now - 2 * step, step):
            ago = now - start
            if 9 * HOUR <= ago < 12 * HOUR or 3 * DAY <= ago < 4 * DAY:
                continue
            wave = math.sin(start / DAY * 2 * math.pi) + 0.15 * math.sin(start / HOUR)
            band = 0.1 if width == 300 else 0.45
            for quantity, middle in (("temperature", 21.5 + 1.8 * wave), ("humidity", 50 - 7 * wave)):
                half = band if quantity == "temperature" else band * 4
                yield Aggregate(
                    sensor=sensor, quantity=quantity, index=0, width=width, start=start, count=width // 60,
                    min=middle - half, max=middle + half, mean=middle, first=middle, first_at=start,
                    last=middle, last_at=start + step - 1, revision=1, final=True,
                )  # fmt: skip
