import subprocess
import sys
import textwrap

import pytest

import policyfix.runtime


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_package_imports_without_loading_torch() -> None:
    assert run("import sys, policyfix.runtime; print('torch' in sys.modules)") == "False"


@pytest.mark.parametrize("missing", ["torch", "tensordict"])
def test_a_missing_dependency_is_one_line_that_says_what_to_install(missing: str) -> None:
    message = run(f"""
        import sys
        sys.modules[{missing!r}] = None
        import importlib.abc
        class Absent(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if name == {missing!r}:
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        del sys.modules[{missing!r}]
        sys.meta_path.insert(0, Absent())
        try:
            from policyfix.runtime import RecurrentPolicy
        except ImportError as error:
            print(error)
    """)
    assert message == "policyfix.runtime needs torch and tensordict: pip install 'policyfix[runtime]'"


def test_another_missing_module_is_not_blamed_on_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(policyfix.runtime._HOME, "RecurrentPolicy", "nowhere")
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        policyfix.runtime.__getattr__("RecurrentPolicy")


def test_every_public_name_resolves_and_others_do_not() -> None:
    for name in policyfix.runtime.__all__:
        assert getattr(policyfix.runtime, name).__name__ == name
        assert name in dir(policyfix.runtime)
    with pytest.raises(AttributeError, match="NoSuchName"):
        policyfix.runtime.NoSuchName  # noqa: B018


def test_a_torch_without_onednn_runs_an_lstm_under_autocast() -> None:
    assert (
        run("""
        import torch
        torch._C._has_mkldnn, torch.ops.mkldnn = False, None
        from policyfix.runtime import MaskedLSTM
        with torch.autocast("cpu", torch.bfloat16):
            outputs, _ = MaskedLSTM(3, 4)(torch.ones(1, 2, 3), (torch.zeros(1, 1, 4),) * 2)
        print(outputs.isfinite().all().item())
    """)
        == "True"
    )
