"""Where a sound policy and the published reference differ: one named switch a difference.

    Fast(env, mode="sound")       # the default
    Fast(env, mode="reference")   # the reference's numbers, quirks included
    Fast(env, mode=replace(SOUND, reset_within_sequences=False))

The code is the same in both modes. A switch is on in sound mode and off in reference mode.
"""

from dataclasses import dataclass, field, fields


def _switch(reason: str) -> bool:
    """A switch that is on unless it is given; `reason` says what happens while it is off."""
    on: bool = field(default=True, metadata={"reason": reason})
    return on


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """The switches. What the reference does instead, and what that costs, is the reason of each."""

    # Recurrent state.
    reset_within_sequences: bool = _switch(
        "The reference resets the state in a rollout, but not inside a training sequence: after an episode "
        "end the log-probs that training compares come from two different states."
    )
    reset_on_either_flag: bool = _switch(
        "The reference resets only where both `dones` and `truncateds` are given: with one of them, or in "
        "an evaluation that passes none, the state leaks from episode to episode."
    )
    training_leaves_memory: bool = _switch(
        "The reference's training forward starts from the stored state of its environment group, group 0 "
        "where none is named, and overwrites it: without a `reset_memory()` minibatches and rollouts mix."
    )
    keep_state_between_steps: bool = _switch(
        "The reference's Example starts every call from a zero state and stores none: it has no memory."
    )

    # Observation tokens.
    padding_leaves_cells: bool = _switch(
        "The reference scatters every rejected token as value 0 to layer 0, cell (0, 0): what stood there "
        "is lost wherever a row has padding."
    )
    tokens_stay_inside: bool = _switch(
        "The reference does not check coordinates against the box: a token outside lands in another cell or"
        " layer, or raises an index error."
    )
    global_tokens_at_centre: bool = _switch(
        "Environments since 2026 mark global tokens by the coordinate byte 0xFE and mean the window's "
        "centre; to the reference that is the cell (15, 14)."
    )
    no_warning_in_forward: bool = _switch(
        "The reference names the feature ids that a policy does not know in a warning at every step, for "
        "which an accelerator has to be waited for."
    )
    rows_keep_their_tokens: bool = _switch(
        "The reference takes the first padding as a row's length and cuts the batch to the longest: a row "
        "without padding counts as empty and is cut to the length of its batch mates, and tokens that "
        "follow padding may be lost."
    )
    environment_normalisation: bool = _switch(
        "The reference's latent policies do not apply the environment's normalisation: the component graph "
        "divides by the feature's *id*, into uint8, and the hand-written policies divide by 1. Its Example "
        "has 22 constants."
    )
    unknown_feature_is_padding: bool = _switch(
        "The reference lets attention read tokens of feature 255, which stands for none: their embedding is "
        "random and never trained. A row without tokens reads the average of its padding, instead of nothing."
    )
    missing_normalisation_is_one: bool = _switch(
        "The reference's component graph divides by a normalisation of 0, and fails where feature ids have "
        "gaps."
    )
    sentinel_is_padding: bool = _switch(
        "The reference's Example overwrites every byte 255 by 0 before it looks for padding, which turns "
        "padding into tokens and the value 255 into 0."
    )

    # Environments and weights.
    sizes_from_config: bool = _switch(
        "The reference's hand-written `Fast` takes `cnn_channels` and does not read it, and fails in its "
        "first forward with an `input_size` other than 128."
    )
    environment_changes_reach_nets: bool = _switch(
        "The reference's hand-written policies ignore a remapping of feature ids, and no net takes new "
        "normalisations: after a change of environment the features are read wrongly, without a word."
    )
    bounds_by_magnitude: bool = _switch(
        "The reference's clip bound per layer is its largest signed initial weight, which may be smaller "
        "than the largest magnitude."
    )

    # Actions.
    joint_action_head: bool = _switch(
        "The reference's hand-written latent policies emit one logit per choice of each action dimension "
        "and index them as joint actions, so some actions are never taken; their head sees the mean of all "
        "action embeddings, and no nonlinearity before it. Its Example has independent categoricals whose "
        "log-probs are averaged."
    )
    actions_follow_logits: bool = _switch(
        "The reference's Example acts with zeros in a rollout, and in training evaluates freshly sampled "
        "actions instead of the given ones."
    )
    embeddings_by_name: bool = _switch(
        "The reference's hand-written policies give action embeddings out by position: a changed list of "
        "actions mixes them up. The table also ends at 100 actions."
    )

    # Component graph.
    strict_components: bool = _switch(
        "The reference drops options that a component does not have, so typos go unnoticed and configs "
        "describe another network than the one that is built."
    )
    activations_stay_out: bool = _switch(
        "The reference writes every component's output to the TensorDict, and does not run a component whose "
        "name is there already: a TensorDict that is used twice gives old outputs."
    )
    l2_init_trains: bool = _switch(
        "The reference's component graph computes `l2_init_loss` on detached weights, so it trains nothing, "
        "and its `update_l2_init_weight_copy` does nothing."
    )

    # Agent.
    agents_are_strict: bool = _switch(
        "The reference's agent swallows config keys that no constructor takes, and passes over what its "
        "policy cannot do, clipping and translating features included: settings are lost without a word."
    )
    translations_end: bool = _switch(
        "The reference applies a translation of feature ids only where one is needed: back in its first "
        "environment an agent still reads by the table of the last one."
    )
    new_features_get_free_ids: bool = _switch(
        "The reference learns a new feature under the environment's id for it, even where the policy knows "
        "another feature by that id: the two become one."
    )

    # Training.
    training_knows_episodes: bool = _switch(
        "The reference's minibatches hold observations only: training does not see where episodes begin, so "
        "old and new log-probs differ after every episode end."
    )
    segments_start_from_their_state: bool = _switch(
        "The reference trains every segment from a zero state, whatever state the rollout had there: old and "
        "new log-probs differ in every segment but an episode's first."
    )
    memory_outlives_updates: bool = _switch(
        "The reference forgets the state of running episodes whenever a rollout begins: what the policy saw "
        "before the update is lost to it in mid-episode."
    )
    evaluation_knows_episodes: bool = _switch(
        "The reference's evaluation passes no flags: the state leaks from episode to episode."
    )
    experience_is_updated: bool = _switch(
        "The reference writes new values into a copy of the sampled segments: nothing is stored, and a "
        "segment that is sampled again is compared with the rollout's values."
    )
    gradients_accumulate: bool = _switch(
        "The reference zeroes gradients at every minibatch, so an accumulation over several keeps the last."
    )
    truncations_cut_advantages: bool = _switch(
        "The reference's advantages look at `dones` only: a truncated episode bootstraps from the first "
        "value of the episode after it."
    )
    unanswered_steps_are_left_out: bool = _switch(
        "The reference's losses include each segment's last step, whose reward is not known: its advantage "
        "is 0, which normalisation turns into a push in a direction that means nothing."
    )


SOUND = Mode()
REFERENCE = Mode(**{switch.name: False for switch in fields(Mode)})

_NAMED = {"sound": SOUND, "reference": REFERENCE}


def resolve_mode(mode: str | Mode) -> Mode:
    """The switches that `mode` names: "sound", "reference", or a `Mode` of the caller's own.

    Raises ValueError for another name.
    """
    if isinstance(mode, Mode):
        return mode
    if not isinstance(mode, str) or mode not in _NAMED:
        raise ValueError(f"mode must be one of {', '.join(_NAMED)} or a Mode, got {mode!r}")
    return _NAMED[mode]


def reasons() -> dict[str, str]:
    """Name of each switch -> what the reference does while it is off, and what that costs."""
    return {switch.name: switch.metadata["reason"] for switch in fields(Mode)}
