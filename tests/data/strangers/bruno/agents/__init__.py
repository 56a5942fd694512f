from agents.old_fast import OldFast
from agents.old_attn import OldAttn
from agents.tower import Tower
from agents.fixed import Fixed

agent_classes = {
    "old_fast": OldFast,
    "old_attn": OldAttn,
    "tower": Tower,
    "fixed": Fixed,
}
