"""Facts: what one file says, read once, as plain frozen data."""
