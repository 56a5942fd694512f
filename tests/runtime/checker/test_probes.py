"""Every probe passes on policies that keep the contract, and fails on those that break its clause."""

from collections.abc import Callable
from dataclasses import replace

import lstm_agent
import pytest
from torch import nn

from policyfix.runtime import RecurrentPolicy
from policyfix.runtime.checker.harness import Bench, BrokenClauseError, NotApplicableError
from policyfix.runtime.checker.probes import probe_names

pytestmark = pytest.mark.filterwarnings("ignore")

CODES = [probe.code for probe in probe_names()]


def status(bench: Bench, code: str) -> tuple[str, str]:
    probe = next(probe for probe in probe_names() if probe.code == code)
    try:
        return "pass", probe.load().probe(bench)
    except BrokenClauseError as broken:
        return "fail", str(broken)
    except NotApplicableError as reason:
        return "skipped", str(reason)
    except Exception as error:
        return "error", str(error)


class WithRecurrentPolicy(RecurrentPolicy):
    """The library's own base class around a small net."""

    class Wrapped(lstm_agent.Net):
        def encode_observations(self, observations, state=None):
            return self.encode(observations)

        def decode_actions(self, hidden):
            return self.decode(hidden)

    def __init__(self, env, **config):
        super().__init__(env, self.Wrapped(), lstm_agent.H, lstm_agent.H, **config)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("policy_class", [lstm_agent.Agent, WithRecurrentPolicy])
def test_a_policy_that_keeps_the_contract_passes(
    bench_of: Callable[..., Bench], policy_class: type[nn.Module], code: str
) -> None:
    for seed in (0, 1):
        assert status(bench_of(policy_class, seed), code)[0] == "pass"


# Class, what must fail, and a fragment of the first one's evidence. Everything else must not fail.
BROKEN = [
    ("NoStamps", "PV101", "rollout: 'bptt' is never written"),
    ("FloatStamps", "PV101", "'bptt' is torch.float32, not int64"),
    ("StampsOfRows", "PV101", "training with T=4: 'bptt' is 1, not 4"),
    ("LeftFlat", "PV103 PV104", "batch size is [15], not [3, 5]"),
    ("TimeMajor", "PV103 PV110 PV107", "row 0 differs"),
    ("FlatValue", "PV104", "'value' has shape [3, 4], not [3, 4, 1]"),
    ("NoEntropy", "PV104", "training: 'entropy' is never written"),
    ("LongActions", "PV104", "'actions' is torch.int64, not int32"),
    ("NanEntropy", "PV104", "'entropy' has NaN"),
    ("MutatesObservation", "PV106", "rollout changed"),
    ("IgnoresActions", "PV107 PV110", "they are ignored"),
    ("ShiftedActions", "PV107 PV110", "from the given actions' entries"),
    ("ConstantActions", "PV108", "all 512 sampled actions are (0, 0)"),
    ("GreedyHalf", "PV108", "do not follow"),
    ("GreedyArguments", "PV108 PV104 PV107 PV510", "do not follow"),
    ("HeadsOfTheirOwn", "PV510 PV104 PV107", "9x2 logits a row for 19 joint actions"),
    ("AttachedState", "PV201", "after a rollout forward with gradients these keep their graph"),
    ("AttachedTrainingState", "PV201", "the second backward raises"),
    ("GrowingLog", "PV201", "kept tensors grow"),
    ("NoMemoryMethods", "PV202", "no has_memory, get_memory, set_memory"),
    ("DeniesMemory", "PV202", "has_memory() is false"),
    ("LiveSnapshot", "PV202", "get_memory hands out the live container"),
    ("LiveTensors", "PV202", "get_memory hands out the live tensors"),
    ("EmptyReset", "PV202", "after reset_memory the next step differs"),
    ("SharedSlot", "PV203 PV110", "the groups share a state"),
    ("NoReset", "PV204", "dones true: the flagged row differs"),
    ("ResetsOnDonesOnly", "PV204", "truncateds true: the flagged row differs"),
    ("ResetsWithBothKeysOnly", "PV204", "dones true, no truncateds key: the flagged row differs"),
    ("ResetsTheWholeBatch", "PV204", "rows without a flag change"),
    ("NoResetInTraining", "PV110", "done inside the row: training differs"),
    ("TrainsFromZero", "PV110", "row that starts in mid-episode: training differs"),
    ("Forgets", "PV205 PV110", "every step starts from the zero state"),
    ("DefaultCore", "PV206", "lstm.weight_ih_l0 is not orthogonal with gain 1"),
    ("HalfGain", "PV206", "lstm.weight_hh_l0 is not orthogonal with gain 1"),
    ("SlotsByNumber", "PV207", "Tensor.item() call with capture_scalar_outputs=False (line "),
    ("CopiesItsState", "PV208", "in the middle of somebody's episode"),
    ("StoreOfOneSize", "PV208", "does not take another batch size"),
    ("LevelledGains", "PV210 PV505", "net.query.weight was given the gain 0.5, and has 1 after a loop over"),
    (
        "LevelledByApply",
        "PV210 PV505",
        "net.query.weight was given the gain 0.5, and has 1 after a loop over 4",
    ),
    ("LevelledBiases", "PV210", "net.value.bias was given the constant 0.5, and has 0 after a loop over 3"),
    ("NoClipping", "PV301", "the policy has no clip_weights"),
    ("EmptyClipping", "PV301 PV302", "3 of 3 weights lie outside"),
    ("ClipsOneLayer", "PV301 PV302", "2 of 3 weights lie outside: net.encoder.weight, net.query.weight"),
    ("ClipsAtZero", "PV301", "clip_range=0 changes"),
    ("DropsClipRange", "PV302 PV401", "clip_range=0.02 from the configuration does not bite"),
    ("RebindsWeights", "PV303", "another object"),
    ("ClipsInGraph", "PV303", "raises where gradients are enabled"),
    ("FreezesWeights", "PV303", "requires_grad=False"),
    ("NoConfig", "PV401 PV302", "refuses clip_range, analyze_weights_interval, observations"),
    ("NoFurtherConfig", "PV401", "refuses observations"),
    ("DropsInterval", "PV401", "analyze_weights_interval=302 arrives as 300"),
    ("SwallowsConfig", "PV406", "'clip_rang' is taken without a word"),
    ("PaddingAsTokens", "PV501", "padding is read as tokens"),
    ("PaddingErasesCorner", "PV501", "has no effect beside padding"),
    ("FlatBox", "PV502", "x 11, y 3, feature 5 is read as x 0, y 3, feature 6; a token with x 4, y 11, fe"),
    ("UnknownFeatures", "PV502", "a token with x 4, y 3, feature 24 raises RuntimeError"),
    ("CollapsedIndex", "PV503 PV110", "19 joint actions collapse to 13 indices"),
    ("NoCodec", "PV503", "the policy has no _convert_action_to_logit_index"),
    ("AveragedEmbeddings", "PV504", "the table is averaged"),
    ("SharedRows", "PV504", "moves 2 logits"),
    ("ScaledByTheBatch", "PV507", "louder rows in the batch change the output"),
    ("LoudEmbeddings", "PV505", "net.action_embeddings starts with entries up to 2.74, not 0.1"),
    ("TanhOfScores", "PV508", "adds 1 to a logit, or takes 1 from it, and nothing between"),
    ("WholeQuotients", "PV509", "values below its normalisation are lost in 20 features"),
    ("WholeShares", "PV509", "in feature 0, 254 is bit for bit the same as 1, and 255 is not"),
    ("SixteenLogits", "PV510", "16 logits a row for 19 joint actions: (4, 0), (5, 0), (6, 0)"),
    ("MaskedAction", "PV510 PV104", "[7] have no finite log-prob"),
    ("Undecided", "PV113", "'actions' differs between two rollouts"),
    ("UnregisteredScale", "PV114", "after loading it the first step differs"),
    ("GrowingStateDict", "PV114", "changes the keys of the state_dict: last"),
]


@pytest.mark.parametrize(("name", "failing", "evidence"), BROKEN, ids=[case[0] for case in BROKEN])
def test_a_broken_clause_fails_its_probe_and_nothing_unrelated(
    bench_of: Callable[..., Bench], name: str, failing: str, evidence: str
) -> None:
    results = {code: status(bench_of(getattr(lstm_agent, name)), code) for code in CODES}
    expected = failing.split()
    assert evidence in results[expected[0]][1]
    assert {code for code in CODES if results[code][0] == "fail"} == set(expected)


NEAR = [
    ("PV502", "ClampsTokens BlindToPlaces RefusesTokens"),
    ("PV207", "SlotsOutOfSight"),
    ("PV210", "LoopFirst SpecialAgain HeadsTogether"),
    ("PV504", "BiasedScores"),
    ("PV505", "QuietEmbeddings"),
    ("PV508", "ScaledTanh Cosines BiasedScores"),
    ("PV509", "Bins Quotients AtMostTheNormalisation"),
]


@pytest.mark.parametrize(
    ("code", "name"), [(code, name) for code, names in NEAR for name in names.split()], ids=str
)
def test_what_only_looks_like_a_fault_passes(bench_of: Callable[..., Bench], code: str, name: str) -> None:
    assert status(bench_of(getattr(lstm_agent, name)), code)[0] == "pass"


def test_every_probe_is_broken_by_some_policy() -> None:
    assert {case[1].split()[0] for case in BROKEN} == set(CODES)


@pytest.mark.parametrize("code", ["PV502", "PV504", "PV505", "PV508", "PV509"])
def test_a_policy_that_cannot_be_copied_is_built_anew(bench_of: Callable[..., Bench], code: str) -> None:
    assert status(bench_of(lstm_agent.NotCopied), code)[0] == "pass"


def test_a_contract_that_says_nothing_of_initial_weights_asks_for_none(
    bench_of: Callable[..., Bench],
) -> None:
    bench = bench_of(lstm_agent.LoudEmbeddings)
    silent = replace(bench, contract=replace(bench.contract, core_gain=None, embedding_largest=None))
    assert status(silent, "PV206")[0] == status(silent, "PV505")[0] == "skipped"


def test_a_feed_forward_policy_skips_what_is_about_state(bench_of: Callable[..., Bench]) -> None:
    results = {code: status(bench_of(lstm_agent.FeedForward), code)[0] for code in CODES}
    assert {code for code, result in results.items() if result == "skipped"} == {
        "PV201", "PV202", "PV203", "PV204", "PV205", "PV206", "PV207", "PV208", "PV210",
    }  # fmt: skip
    assert set(results.values()) == {"pass", "skipped"}


def test_what_cannot_be_judged_is_skipped_with_the_probe_that_says_why(
    bench_of: Callable[..., Bench],
) -> None:
    forgets, no_clipping = bench_of(lstm_agent.Forgets), bench_of(lstm_agent.NoClipping)
    for code in ("PV201", "PV203", "PV204"):
        assert status(forgets, code)[0] == "skipped"
        assert "PV205" in status(forgets, code)[1]
    for code in ("PV302", "PV303"):
        assert status(no_clipping, code) == ("skipped", "the policy has no clip_weights (see PV301)")
