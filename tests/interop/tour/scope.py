"""What the tour leaves out, and why. Everything else that the client or the fluent API has must be in it."""

from __future__ import annotations

import re

_TRACES = "GenAI tracing and its judgements are not offered"
_PROMPTS = "prompts are not offered"
_LOCAL = "asks no server, or only for what other calls of the tour ask for"

OUT_OF_SCOPE = (
    (r"(add|delete|get|log|search|start|end|set|update|link|unlink)_\w*(trace|span|assessment|session)\w*", _TRACES),
    (r"(trace|context)", _TRACES),
    (r"get_current_active_span|start_span_no_context", _TRACES),
    (r"(delete|log|override|update)_(expectation|feedback|issue)", _TRACES),
    (r"\w*prompt\w*", _PROMPTS),
    (r"\w*webhook\w*", "webhooks come later"),
    (r"\w*workspaces?|get_workspace_store_uri", "workspaces come later"),
    (r"\w*mcp_\w*", "registries of tools are not offered"),
    (r"autolog", "has tests of its own, with the frameworks it is about"),
    (r"evaluate|validate_evaluation_results|test", "evaluation comes later"),
    (r"run|login", "runs projects and logs in at Databricks: no call of the tracking server"),
    (r"(enable|disable)_system_metrics_logging|set_system_metrics_\w+", _LOCAL),
    (r"doctor|flush_trace_async_logging", _LOCAL),
    (r"set_tracking_uri", "the tour begins with it"),
)
"""Names as regular expressions, and the reason."""


def is_out_of_scope(name: str) -> bool:
    """Whether a method or function need not be toured."""
    return any(re.fullmatch(pattern, name) for pattern, _ in OUT_OF_SCOPE)
