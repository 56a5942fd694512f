from .composed import Composed, Parts, row_bank
from .cores import LSTMCore
from .encoders import BoxEncoder
from .heads import BilinearHead, Critic
from .shapes import EnvShape


class Heron(Composed):
    """The plain one: image, LSTM, bilinear head."""

    def __init__(
        self,
        env,
        hidden_size: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        core = LSTMCore(hidden_size, hidden_size, num_layers)
        parts = Parts(
            encoder=BoxEncoder(EnvShape.of(env), hidden_size),
            core=core,
            head=BilinearHead(hidden_size),
            critic=Critic(hidden_size),
            bank=row_bank(core),
        )
        super().__init__(parts, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
