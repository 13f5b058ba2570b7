"""Hyper-parameters given on the command line: ``careful.learning_rate=0.05``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from soroi.base.errors import ConfigError

_WORDS = {"true": True, "false": False, "none": None, "null": None}


def parse_settings(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Hyper-parameters by node.

    A value is read as JSON (numbers, true, false, null, lists); what is not JSON is text.

    Args:
        texts: Each ``node.parameter=value``.

    Raises:
        ConfigError: One is not of that form, or sets a parameter twice.
    """
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        node, dot, parameter = name.strip().rpartition(".")
        if not (equals and dot and node and parameter):
            raise ConfigError(
                f"--set {text}: not of the form node.parameter=value",
                hint="such as --set careful.learning_rate=0.05",
            )
        values = found.setdefault(node, {})
        if parameter in values:
            raise ConfigError(f"--set {text}: {name.strip()} is set twice", hint="give it once")
        values[parameter] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text
