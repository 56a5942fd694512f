from torch import Tensor


class JointActions:
    """Mixin: between pairs (type, argument) and the index of a logit. The agent's builder sets both tables."""

    cum_action_max_params: Tensor = None
    action_index_tensor: Tensor = None

    def _convert_action_to_logit_index(self, pairs: Tensor) -> Tensor:
        pairs = pairs.flatten(0, -2).long()
        kind, argument = pairs[:, 0], pairs[:, 1]
        return self.cum_action_max_params[kind].add(kind).add(argument)

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor.index_select(0, index)
