"""The command `swarmnet`: a client of the agent's socket, and the agent's starter.

It starts in a tenth of a second, so nothing here imports trio, cryptography or an
engine before a command needs it. `docs/api.md` has what is asked and answered.
"""
