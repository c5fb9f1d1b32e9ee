"""How a command ends."""

from __future__ import annotations

import pytest
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from imggen.system.command import run_command
from imggen.system.errors import UserError


def test_torchrun_reports_the_sentence_of_a_process_that_ended(tmp_path, monkeypatch, capsys):
    file = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))

    def command():
        raise UserError("The images are gone: put them back.")

    with pytest.raises(SystemExit, match="2"):
        run_command(command)
    assert capsys.readouterr().err == "error: The images are gone: put them back.\n"
    failure = ProcessFailure(local_rank=1, pid=1, exitcode=2, error_file=str(file))
    report = str(ChildFailedError("dcgan_mnist.py", {1: failure}))
    assert "traceback : The images are gone: put them back." in report
