from ivar.agents.attention import MaskedPolicy, PooledPolicy
from ivar.agents.recurrent import DeepPolicy, GatedPolicy, LstmPolicy

AGENTS = {
    "lstm": LstmPolicy,
    "gated": GatedPolicy,
    "deep": DeepPolicy,
    "pooled": PooledPolicy,
    "masked": MaskedPolicy,
}
