"""PF7: what keeps a forward from running fast, or on another device."""
