"""The agent on several processes: replicas that stay equal, and every policy method at hand.

torchrun --nproc-per-node 2 -m policyfix.runtime.training --agent fast
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch.distributed as dist
from tensordict import TensorDictBase
from torch import Tensor, nn
from torch._dynamo import OptimizedModule
from torch.nn.parallel import DistributedDataParallel


class DistributedPolicyAgent(nn.Module):
    """Wraps an agent (or a policy) so that training forwards average their gradients over all ranks.

    The agent is `module`, so `state_dict` keys begin with `module.`, as those of DistributedDataParallel do.
    Attributes and methods that the wrapper lacks are the agent's: `clip_weights()`, `get_memory()`, ...
    Rollout steps go straight to the agent, each rank's on its own environments.
    """

    module: nn.Module

    def __init__(self, agent: nn.Module, **options: Any) -> None:
        """Make `agent`, which is on its device, the same on all ranks: rank 0's weights and buffers.

        Batch normalisations become synchronised ones, except on the CPU, where torch has none. `options` go
        to DistributedDataParallel; with `find_unused_parameters=True` a policy may leave parameters out of
        its loss. Buffers are not broadcast again: a policy's stay equal on all ranks, and a write to one
        between two forwards would break the backward of the first.

        Raises RuntimeError where `torch.distributed` is not initialised.
        """
        super().__init__()
        if not (dist.is_available() and dist.is_initialized()):
            raise RuntimeError("initialise torch.distributed first, e.g. by init_process_group('gloo')")
        on_cpu = all(parameter.device.type == "cpu" for parameter in agent.parameters())
        convert: Callable[[nn.Module], nn.Module] = nn.SyncBatchNorm.convert_sync_batchnorm
        self.module = agent if on_cpu else convert(agent)
        for buffer in self.module.buffers():
            dist.broadcast(buffer, 0)
        known = inspect.signature(DistributedDataParallel).parameters
        name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
        options = {name: False, **options}  # torch 2.13 has renamed it
        # Out of the module tree: the agent's parameters are there already.
        self.__dict__["_evaluation"] = evaluation = _Evaluation(self.module)
        self.__dict__["_replica"] = DistributedDataParallel(evaluation, **options)

    def forward(self, td: TensorDictBase, state: Any = None, action: Tensor | None = None) -> TensorDictBase:
        """As the agent's forward. With `action` every rank must call it as often as the others."""
        if action is None:
            result: TensorDictBase = self.module(td, state)
            return result
        outputs = self.__dict__["_replica"](td, state, action)
        return self.__dict__["_evaluation"].take_result(outputs)  # type: ignore[no-any-return]

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Within it, backward passes accumulate gradients without exchanging them."""
        context: AbstractContextManager[None] = self.__dict__["_replica"].no_sync()
        with context:
            yield

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("module"), name)


class _Evaluation(nn.Module):
    """A training forward that returns a plain dict.

    DistributedDataParallel looks for tensors in what a forward returns, to find unused parameters and to hook
    their backward. It knows dicts, and takes a TensorDict apart into something else.
    """

    def __init__(self, agent: nn.Module) -> None:
        super().__init__()
        self.agent = agent
        self._result: TensorDictBase | None = None

    def forward(self, td: TensorDictBase, state: Any, action: Tensor) -> dict[str, Tensor]:
        result = self._result = self.agent(td, state, action)
        return {key: entry for key, entry in result.items() if isinstance(entry, Tensor)}

    def take_result(self, outputs: dict[str, Tensor]) -> TensorDictBase:
        """The agent's result, with the tensors that came out of the wrapper."""
        result, self._result = self._result, None
        assert result is not None
        for key, tensor in outputs.items():
            result[key] = tensor
        return result


def unwrap(agent: nn.Module) -> nn.Module:
    """The agent inside the wrappers of this module, of torch's and of `torch.compile`."""
    while True:
        if isinstance(agent, DistributedPolicyAgent | DistributedDataParallel):
            agent = agent.module
        elif isinstance(agent, OptimizedModule):
            agent = agent._orig_mod
        else:
            return agent
