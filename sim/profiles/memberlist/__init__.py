"""hashicorp/memberlist with its LAN defaults, as the peer of every figure."""

from sim.profiles.memberlist.profile import MemberlistProfile

__all__ = ["MemberlistProfile"]
