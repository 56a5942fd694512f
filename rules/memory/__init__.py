"""PF2: the recurrent state and its memory interface."""
