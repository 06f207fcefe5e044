"""Texts that a model may write and no page may take for anything but text.

Each that is a script says so: run, it would leave a mark in `window.pwned` or ask for a page that is not there.
"""

from __future__ import annotations

LONG_LINE = "unbroken" * 25_000
"""200 kB without a place to break it."""

MARKUP = (
    "<script>window.pwned = 1; alert(1)</script><img src=x onerror='window.pwned = 2'>",
    "</td></table></code></style></script><svg onload='window.pwned = 3'><style>body { display: none }</style>",
    "[click me](javascript:window.pwned=4) <a href='javascript:window.pwned=5'>or me</a> javascript:window.pwned=6",
    "<meta http-equiv='refresh' content='0;url=http://127.0.0.1:9/'><iframe src='http://127.0.0.1:9/'></iframe>",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "{{ 7 * 7 }} ${7 * 7} &lt;b&gt; **bold** `code`",
)
"""In HTML, Markdown and templates."""

HOSTILE = (
    *MARKUP,
    "\u202eleft to right no longer\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "🦊 👩\u200d🔬 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    LONG_LINE,
)
