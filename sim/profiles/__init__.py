"""The protocols that the simulator knows, by the name that `--profile` takes."""

from collections.abc import Callable, Mapping
from typing import Final

from sim.profiles.contract import Profile
from sim.profiles.lifeguard import LifeguardProfile
from sim.profiles.memberlist import MemberlistProfile
from sim.profiles.swarmnet import SwarmnetProfile
from sim.profiles.swim_paper import SwimPaperProfile

PROFILES: Final[Mapping[str, Callable[[Mapping[str, str]], Profile]]] = {
    "swarmnet": SwarmnetProfile,
    "memberlist": MemberlistProfile,
    "swim": SwimPaperProfile,
    "lifeguard": LifeguardProfile,
}
SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "swarmnet": SwarmnetProfile.settings_help(),
    "memberlist": MemberlistProfile.settings_help(),
    "swim": SwimPaperProfile.settings_help(),
    "lifeguard": LifeguardProfile.settings_help(),
}
