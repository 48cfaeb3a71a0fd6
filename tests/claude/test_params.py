# SPDX-License-Identifier: MIT
"""The keywords of a request: which are known, which are slips of those, which go to the API."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from ssewire.claude import _params
from ssewire.claude._params import KNOWN, nearly
from ssewire.claude.aio import AsyncClaude
from ssewire.claude.client import Claude
from tests.claude.scenarios import ASKED


def body_of(params: dict[str, Any]) -> Any:
    request = Claude(api_key="k")._build("m", 1, [], params)
    assert request.body is not None
    return json.loads(request.body)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("temprature", "temperature"),
        ("temperatur", "temperature"),
        ("tempreature", "temperature"),
        ("tempreture", "temperature"),
        ("Temperature", "temperature"),
        ("sytem", "system"),
        ("systme", "system"),
        ("tool", "tools"),
        ("toolchoice", "tool_choice"),
        ("toolChoice", "tool_choice"),
        ("tool_choices", "tool_choice"),
        ("stop_sequence", "stop_sequences"),
        ("stopSequences", "stop_sequences"),
        ("thinkng", "thinking"),
        ("beta", "betas"),
        ("topp", "top_p"),
        ("top_ks", "top_k"),
        ("extra_header", "extra_headers"),
        ("extra_boby", "extra_body"),
        ("timeouts", "timeout"),
        ("steam", "stream"),
        ("mcp_server", "mcp_servers"),
        ("meta_data", "metadata"),
        ("output_confg", "output_config"),
    ],
)
def test_a_slip_of_a_known_keyword_is_a_type_error_that_names_it(slip: str, meant: str) -> None:
    asked: dict[str, Any] = {**ASKED, slip: 1}
    for client in (Claude(api_key="k"), AsyncClaude(api_key="k")):
        with pytest.raises(TypeError, match=rf"'{slip}'; did you mean {meant}\?.*extra_body"):
            client.messages.stream(**asked)
    with pytest.raises(TypeError, match=f"did you mean {meant}"):
        Claude(api_key="k").messages.create(**asked)
    assert body_of({"extra_body": {slip: 1}})[slip] == 1


# Of other APIs and of relays; none of them is meant as another one.
OTHERS = (
    *(
        "seed",
        "top_a",
        "top_n",
        "min_p",
        "n",
        "stop",
        "user",
        "prompt",
        "models",
        "provider",
        "route",
    ),
    *(
        "plugins",
        "transforms",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "logprobs",
        "usage",
    ),
    *("frequency_penalty", "repetition_penalty", "max_completion_tokens", "logit_bias", "store"),
    *("verbosity", "preset", "parallel_tool_calls", "functions", "safety", "cache", "effort"),
)


@pytest.mark.parametrize("name", OTHERS)
def test_other_keywords_go_to_the_api_as_they_are(name: str) -> None:
    assert body_of({name: {"a": [1]}})[name] == {"a": [1]}


def test_known_keywords_cost_no_search_for_what_they_may_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_params, "nearly", lambda name, given: pytest.fail(name))
    assert body_of({"temperature": 0.5, "betas": ["b"]})["temperature"] == 0.5


def test_a_keyword_is_no_slip_of_one_that_is_given_too() -> None:
    assert nearly("tool", {"tool": 1}) == "tools"
    assert nearly("tool", {"tool": 1, "tools": []}) is None
    assert body_of({"tool": 1, "tools": []})["tool"] == 1


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_known_keyword_is_none_of_another(name: str) -> None:
    values: dict[str, Any] = {"betas": ["b"], "timeout": 1.0, "user_profile_id": "u"}
    values["workspace_id"] = "w"
    value = values.get(name, {} if name.startswith("extra_") else "value")
    body_of({name: value})


def test_every_keyword_of_the_official_sdk_is_known() -> None:
    pytest.importorskip("anthropic")
    from anthropic.resources import Messages
    from anthropic.resources.beta.messages import Messages as BetaMessages

    calls = [cls.create for cls in (Messages, BetaMessages)]
    calls += [cls.stream for cls in (Messages, BetaMessages)]
    of_sdk = {name for call in calls for name in inspect.signature(call).parameters}
    ours = {"self", "model", "max_tokens", "messages", "stream"}
    assert of_sdk - KNOWN - ours == set()
    assert KNOWN - of_sdk == {"temperature", "top_k", "top_p"}
