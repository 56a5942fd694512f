from tensordict import TensorDict


def chart(runs: list[TensorDict]) -> dict:
    return {"labels": ["value"], "series": [run.mean().to_dict() for run in runs]}
