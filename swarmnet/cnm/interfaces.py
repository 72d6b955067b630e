"""What an interface is called inside its sandbox: `eth0`, `eth1` and so on."""

from collections.abc import Mapping, Sequence
from typing import Final

GATEWAY: Final = ""
"""Stands for the gateway bridge where ids of endpoints stand."""


def name_interfaces(
    wanted: Sequence[str], held: Mapping[str, str], foreign: Sequence[str]
) -> dict[str, str]:
    """Return a name for each endpoint that is wanted, by its id.

    Whoever has one keeps it; the others get the lowest that are free, in order, the
    gateway's last. `foreign` are the names of links that are not ours.
    """
    names = {one: held[one] for one in wanted if one in held}
    taken = dict.fromkeys([*foreign, *names.values()])
    number = 0
    newcomers = [one for one in wanted if one not in names]
    for one in sorted(newcomers, key=lambda one: one == GATEWAY):
        while f"eth{number}" in taken:
            number += 1
        names[one] = f"eth{number}"
        taken[names[one]] = None
    return names
