"""The demo tells its story with the exit codes that it promises."""

import os
import re
import subprocess
import sysconfig

from checkout import ROOT


def test_the_demo_goes_as_told() -> None:
    path = sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"]
    before = {file: file.read_bytes() for file in (ROOT / "examples").rglob("*.py")}
    done = subprocess.run(
        [ROOT / "examples" / "demo.sh"], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    codes = re.findall(r"^\[exit code (\d)\]$", done.stdout, re.MULTILINE)
    # check, verify, apply --diff, apply; apply --unsafe, check, verify twice
    assert codes == ["1", "1", "1", "1", "0", "0", "0", "0"]
    assert "left: agents/keeper.py:12:7: PF206" in done.stderr
    assert done.stderr.count("left: ") == 1
    assert "left: agents/forager.py" not in done.stderr
    assert "RecurrentPolicy" in done.stdout  # the diff
    assert {file: file.read_bytes() for file in (ROOT / "examples").rglob("*.py")} == before
