"""PF6: the trainer's loop."""
