"""What keeps us fast where time is too noisy to tell: counts of fixed work.

`runs` has simulations of a seed each, of which messages, bytes and virtual times are
counted; `membership`, `packets`, `rows` and `host` have paths that are often gone, of
which `counting` counts the instructions. `baseline` holds what is allowed.
"""
