"""SWIM as its paper has it (Das, Gupta, Motivala; DSN 2002), a peer of the figures."""

from sim.profiles.swim_paper.profile import SwimPaperProfile

__all__ = ["SwimPaperProfile"]
