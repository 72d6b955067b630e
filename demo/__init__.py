"""Three hosts, one network: a user of the command `swarmnet` and nothing below it."""
