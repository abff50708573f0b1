"""A hub that is not reached costs one question, not minutes of retries; what is on this machine is found all the same."""

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError

from finevla_core.errors import FineVLAError
from finevla_models.vla import hub
from finevla_models.vla.backbone import load_backbone


def answers_with(monkeypatch: pytest.MonkeyPatch, raised: Exception | None) -> list[str]:
    """Let the hub's client meet `raised`, None for an answer; return whom it asks for."""
    asked: list[str] = []

    def model_info(_self: HfApi, name: str, **_: Any) -> None:
        asked.append(name)
        if raised is not None:
            raise raised

    monkeypatch.setattr(HfApi, "model_info", model_info)
    return asked


@pytest.mark.parametrize(
    "raised",
    [httpx.ConnectError("no such host"), httpx.ConnectTimeout("slow"), OSError("no network"), OfflineModeIsEnabled("")],
)
def test_hub_that_is_not_reached_is_not_asked_for_files(monkeypatch: pytest.MonkeyPatch, raised: Exception) -> None:
    asked = answers_with(monkeypatch, raised)
    assert hub.from_cache_alone("owner/name")
    assert asked == ["owner/name"]


def test_hub_that_answers_is_asked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answers_with(monkeypatch, None)
    assert not hub.from_cache_alone("owner/name")
    refusal = httpx.Response(404, request=httpx.Request("GET", "https://hub/api"))
    answers_with(monkeypatch, RepositoryNotFoundError("none", response=refusal))
    assert not hub.from_cache_alone("owner/name")


def test_folder_asks_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = answers_with(monkeypatch, None)
    assert hub.from_cache_alone(str(tmp_path))
    assert asked == []


def test_backbone_without_a_network_is_one_sentence_without_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    answers_with(monkeypatch, OSError("no network"))
    looked_up: list[Any] = []

    def nowhere(*place: Any, **_: Any) -> None:
        looked_up.append(place)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(FineVLAError, match="backbone 'owner/never-downloaded' cannot be loaded.*hf download"):
        load_backbone("owner/never-downloaded")
    assert len(looked_up) <= 1  # the hub's client looks once for a list of its callers; no file is asked for, six times
