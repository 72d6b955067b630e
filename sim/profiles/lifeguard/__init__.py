"""Lifeguard as its paper has it (arXiv 1707.00788), on SWIM as that paper has it."""

from sim.profiles.lifeguard.profile import LifeguardProfile

__all__ = ["LifeguardProfile"]
