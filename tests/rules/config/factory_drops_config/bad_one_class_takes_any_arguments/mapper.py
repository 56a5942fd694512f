from agents import Fast, Slow

agent_classes = {"fast": Fast, "slow": Slow}
