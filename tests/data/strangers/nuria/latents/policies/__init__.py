from latents.policies.gated import LatentGated
from latents.policies.med import LatentMed
from latents.policies.pooled import PooledTokens
from latents.policies.small import LatentSmall
from latents.policies.tiny import LatentTiny
from latents.policies.wide import LatentWide

POLICIES = {
    "tiny": LatentTiny,
    "small": LatentSmall,
    "med": LatentMed,
    "wide": LatentWide,
    "pooled": PooledTokens,
    "gated": LatentGated,
}
