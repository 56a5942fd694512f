from agents import Fast, Slow

agent_classes = dict(fast=Fast, slow=Slow)
