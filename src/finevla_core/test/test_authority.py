"""Promises of authority: one client moves the arms, and nobody is left holding them."""

from guarded_arms import SECOND, START, Guarded

from finevla_core.safety.words import State


def test_motion_of_a_client_that_took_authority_needs_no_instruction_and_keeps_the_policy_out(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    motion = {"instruction_id": "motion:1", "client": "/motion"}
    bridge.on_chunk(guarded.chunk(**motion), START + SECOND // 20)
    assert list(bridge.counts.rejected) == ["chunk.instruction"]  # nobody asked for authority by name
    assert bridge.take_authority("/motion", START)[0]
    bridge.on_chunk(guarded.chunk(START + 1), START + SECOND // 20)
    assert bridge.counts.rejected["chunk.authority"] == 1
    bridge.on_chunk(guarded.chunk(START + 2, instruction_id="motion:1"), START + SECOND // 20)
    assert bridge.counts.rejected["chunk.instruction"] == 2  # the policy cannot say that it is a motion
    for stamp, active in ((START + SECOND // 10, "now"), (START + SECOND // 5, "another")):
        bridge.on_instruction(active, stamp)
        bridge.on_chunk(guarded.chunk(stamp, **motion), stamp + SECOND // 100)
    assert bridge.counts.accepted == 2
    assert "operator's motion" in bridge.reason


def test_taken_authority_outlives_a_rest_but_not_its_holders_silence(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    assert bridge.take_authority("/motion", START)[0]
    assert not bridge.take_authority("/policy", START + 9 * SECOND)[0]
    assert bridge.take_authority("/policy", START + 11 * SECOND)[0]
    late = START + 11 * SECOND
    guarded.feel(bridge, guarded.home, late)
    chunk = guarded.chunk(late, instruction_id="motion:1", client="/motion")
    bridge.on_chunk(chunk, late)
    assert list(bridge.counts.rejected) == ["chunk.instruction"]


def test_stop_and_the_end_of_instructions_take_authority_back(guarded: Guarded) -> None:
    for end in (lambda b: b.on_stop(START + SECOND, "test", "test"), lambda b: b.on_instruction("", START + SECOND)):
        bridge = guarded.bridge()
        bridge.take_authority("/motion", START)
        bridge.on_chunk(guarded.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
        assert bridge.state is State.FOLLOWING
        end(bridge)
        assert (bridge.client, bridge.authority.is_taken) == ("", False)
        guarded.feel(bridge, guarded.home, START + SECOND)
        bridge.on_chunk(guarded.chunk(START + SECOND, instruction_id="motion:1", client="/motion"), START + SECOND)
        assert bridge.counts.accepted == 1


def test_motion_of_a_client_that_gives_up_authority_is_braked_within_the_limits_and_held(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_instruction("", START)
    bridge.take_authority("/motion", START)
    bridge.on_chunk(guarded.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
    middle = START + 8 * SECOND // 10
    assert abs(bridge.plan.at(middle)[1]).max() > 0.1  # under way
    bridge.take()
    guarded.feel(bridge, bridge.plan.at(middle)[0], middle)
    bridge.tick(middle)
    assert bridge.release_authority("/motion", middle) == (True, "nobody has command authority")
    found = bridge.plan.extremes()
    assert bridge.plan.end_ns < middle + SECOND // 2
    assert (found.acceleration <= guarded.limits.acceleration * (1 + 1e-6)).all()
    assert (found.jerk <= guarded.limits.jerk * (1 + 1e-6)).all()
    assert [c.controller for c in bridge.take()[0]] == [c.name for c in guarded.embodiment.controllers]
    end = bridge.plan.end_ns
    guarded.feel(bridge, bridge.plan.at(end)[0], end)
    bridge.tick(end)
    assert (bridge.state, bridge.client) == (State.HOLDING, "")


def test_motion_of_others_goes_on_when_a_client_gives_up_authority(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    bridge.take()
    assert bridge.release_authority("/policy", START + SECOND // 10)[0]
    assert bridge.take()[0] == []  # a policy never asked for authority by name: its plan ends as planned


def test_plan_that_waits_is_gone_when_its_client_gives_up_authority(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.step(True, START)
    bridge.take_authority("/motion", START)
    bridge.on_chunk(guarded.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
    assert bridge.waiting is not None
    bridge.release_authority("/motion", START + SECOND // 10)
    assert bridge.approve(True, START + SECOND // 5) == (False, "no plan waits")
