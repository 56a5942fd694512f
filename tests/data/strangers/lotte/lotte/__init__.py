from .make import Agent, AgentConfig, make_policy

__all__ = ['Agent', 'AgentConfig', 'make_policy']
