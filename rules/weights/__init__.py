"""PF3: weight clipping and regularisation."""
