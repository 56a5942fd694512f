from agents import Fast, Slow

agent_classes = {cls.__name__.lower(): cls for cls in (Fast, Slow)}
