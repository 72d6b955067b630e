"""What is true: rows, each with one owner, who alone may change it.

Every row enters by one door, however it came: relay, sync, local command or restart.
Merging commutes, associates and is idempotent; no clock decides anything. What it
signs and verifies with is handed in.
"""
