import agent

agents = dict(
    swift_forager=agent.SwiftForagerAgent,
)
