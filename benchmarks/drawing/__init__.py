"""Draws what questions find: on paper of one kind, legible without colour."""
