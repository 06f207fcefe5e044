"""The warm worker process: `python -m probes.worker`, JSON lines in, JSON lines out.

It announces itself with `{"ready": true, "pid": …, "device": …, "versions": …}`, then answers each
`{"request": ProbeRequest}` with a `ProbeOutcome`. The replies own the original standard output; whatever libraries
print goes to standard error, and during a probe to `worker.log` in its folder. A probe that fails is a reply with a
status; a request that cannot be read is answered by a crashed outcome with the key `unreadable`. The process ends
when its input ends, and with its parent. Time limits are the parent's: it kills the process.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import BinaryIO

from pydantic import ValidationError

from probes.outcome import ProbeOutcome, ProbeStatus
from probes.request import ProbeRequest
from probes.versions import score_versions

UNREADABLE_KEY = "unreadable"

_ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "warning",
}
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve requests from standard input until it ends."""
    replies = _claim_stdout()
    _die_with_parent()
    # Ctrl-C reaches the whole process group; what becomes of a running probe is the parent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(_ENVIRONMENT)
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    from probes.execution import run_request
    from probes.warm_base import WarmBase

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    _reply(replies, json.dumps({"ready": True, "pid": os.getpid(), "device": device, "versions": score_versions()}))
    warm = WarmBase()
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            request = read_request(line)
        except ValueError as error:
            outcome = ProbeOutcome(key=UNREADABLE_KEY, status=ProbeStatus.CRASHED, message=_first_line(error))
        else:
            outcome = run_request(request, warm)
        _reply(replies, outcome.model_dump_json())
    return 0


def read_request(line: bytes) -> ProbeRequest:
    """Return the request of one input line.

    Raises:
        ValueError: the line is no JSON object with a valid `request`.
    """
    message: object = json.loads(line)
    if not isinstance(message, Mapping) or "request" not in message:
        raise ValueError("a line must be a JSON object with `request`")
    try:
        return ProbeRequest.model_validate_json(json.dumps(message["request"]))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"`request.{'.'.join(map(str, first['loc']))}`: {first['msg']}") from error


def _claim_stdout() -> BinaryIO:
    """Return the original standard output and point file descriptor 1 at standard error."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return replies


def _reply(replies: BinaryIO, text: str) -> None:
    replies.write(text.encode() + b"\n")


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere the end of input has to do."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died in between
        os._exit(1)


def _first_line(error: Exception) -> str:
    return f"unreadable request: {error}".splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
