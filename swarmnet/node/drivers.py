"""The drivers that there are, by the name that users write."""

from collections.abc import Mapping
from typing import Final

from swarmnet.cnm.driver import Driver, check_options
from swarmnet.errors import Refused
from swarmnet.overlay.driver import NetworkPlan, Overlay

DRIVERS: Final[Mapping[str, Driver[NetworkPlan]]] = {Overlay.name: Overlay()}


def check_driver(name: str, options: Mapping[str, str]) -> None:
    """Refuse a driver that there is not, or options that it has no use for.

    Raises:
        Refused: it is so.
    """
    driver = DRIVERS.get(name)
    if driver is None:
        raise Refused(f"driver {name[:20]!r}: want one of {', '.join(DRIVERS)}")
    check_options(name, driver.options, options)
