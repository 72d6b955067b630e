"""What is wrong with a host, its paths and its peers: checks over gathered facts.

Each check takes facts, as `swarmnet.runtime.doctor` has gathered them, and yields
findings. Nothing here looks at anything itself, so each is tested with facts made up.
"""
