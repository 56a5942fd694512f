"""PF5: what the net makes of observations and actions."""
