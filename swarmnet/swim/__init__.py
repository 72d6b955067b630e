"""Who is alive: SWIM membership as a state machine without sockets or clock."""
