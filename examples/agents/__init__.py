"""Agents that train on a token grid: two that break the trainer's contract, one that keeps it."""
