"""Gathers what `swarmnet.doctor` judges: from this host, its paths and its peers."""
