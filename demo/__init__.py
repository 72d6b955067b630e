"""Three hosts, one network: a user of the command `swarmnet`, and of nothing below it."""
