"""The container network model: networks, endpoints, sandboxes and their options.

Options are checked here, before anything is written down. The interface that every
driver answers stands here too; the drivers themselves do not.
"""
