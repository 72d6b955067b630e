"""swarmnet: a gossip control plane and VXLAN overlay agent without a leader."""

__version__ = "0.1.0"
