"""Promises of what is told of an episode's origin: whatever somebody says in the policy's name, it is told and ends nothing."""

import pytest

from finevla_recorder import provenance


@pytest.mark.parametrize("bundle", ["", "x" * 300, "x" * 100_000, "a\0b", "/proc/self/mem", "../" * 50, "\ud800"])
def test_bundle_that_is_no_files_name_has_no_hash(bundle: str) -> None:
    assert provenance.policy(bundle) == {"bundle": bundle, "manifest_sha256": ""}
