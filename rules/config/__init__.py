"""PF4: the way of the config into the constructor."""
