"""A small recurrent PPO trainer that keeps its side of the contract, and environments to run it on."""
