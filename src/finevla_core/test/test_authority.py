"""Promises of authority: one client moves the arms, and nobody is left holding them."""

from guarded_arms import SECOND, START, Guarded

from finevla_core.safety.events import State


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


def test_authority_that_was_taken_from_a_policy_stays_taken_until_it_is_given_back(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    end = bridge.plan.end_ns
    for now in range(START + SECOND // 10, end + 3 * SECOND, SECOND // 20):
        guarded.feel(bridge, bridge.plan.at(now)[0], now)
        bridge.tick(now)
        given, text = bridge.take_authority("/operator", now)
        if given:
            break
        assert "'/policy' has command authority" in text
    assert given
    for k in range(1, 60):  # a minute of a policy that goes on, clears its instruction and gets another
        later = now + k * SECOND
        guarded.feel(bridge, bridge.plan.at(later)[0], later)
        bridge.on_instruction(("", "another", "now too")[k % 3], later)
        assert not bridge.take_authority("/policy", later)[0]
        bridge.on_chunk(guarded.chunk(later, instruction_id=bridge.instruction_id), later)
        bridge.tick(later)
    assert (bridge.client, bridge.counts.accepted, bridge.state) == ("/operator", 1, State.HOLDING)
    assert bridge.release_authority("/operator", later)[0]
    assert bridge.take_authority("/policy", later)[0]


def test_cleared_instruction_ends_the_holders_motion_but_lets_nobody_else_in(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.take_authority("/motion", START)
    bridge.on_chunk(guarded.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
    assert bridge.state is State.FOLLOWING
    now = START + SECOND
    guarded.feel(bridge, bridge.plan.at(now)[0], now)
    bridge.on_instruction("", now)
    assert bridge.take()[1][-1].code == "motion.ended"
    bridge.on_instruction("new words", now)
    bridge.on_chunk(guarded.chunk(now, instruction_id="new words"), now)
    bridge.on_chunk(guarded.chunk(now, instruction_id="motion:2", client="/motion"), now)
    assert (bridge.client, bridge.counts.accepted) == ("/motion", 1)
    assert not bridge.take_authority("/motion", now)[0]  # it must have noticed first
    assert bridge.release_authority("/motion", now)[0]
    assert bridge.take_authority("/motion", now)[0]


def test_stop_takes_authority_back(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.take_authority("/motion", START)
    bridge.on_chunk(guarded.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
    bridge.on_stop(START + SECOND, "test", "test")
    assert (bridge.client, bridge.authority.is_taken) == ("", False)
    guarded.feel(bridge, guarded.home, START + SECOND)
    bridge.on_chunk(guarded.chunk(START + SECOND, instruction_id="motion:1", client="/motion"), START + SECOND)
    assert bridge.counts.accepted == 1


def test_holder_whose_node_is_gone_does_not_block_for_ever_and_is_named(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.take_authority("/teleop", START)
    bridge.on_nodes(["/teleop", "/policy"], START)
    bridge.on_nodes(["/policy"], START)
    bridge.on_nodes(["/teleop"], START)  # discovery lost it for a moment
    for _ in range(2):
        bridge.on_nodes(["/policy"], START)
    assert bridge.client == "/teleop"
    bridge.take()
    bridge.on_nodes(["/policy"], START)
    assert bridge.client == ""
    assert [(e.code, "'/teleop' is gone" in e.text) for e in bridge.take()[1]] == [("authority.gone", True)]


def test_name_that_is_no_nodes_keeps_authority_and_the_way_out_is_told_once(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.take_authority("/somebody", START)
    bridge.take()
    for _ in range(20):
        bridge.on_nodes(["/policy"], START)
    assert bridge.client == "/somebody"
    events = bridge.take()[1]
    assert [e.code for e in events] == ["authority.unknown"]
    assert "safety/authority" in events[0].text
    assert bridge.release_authority("/somebody", START)[0]


def test_names_are_bounded_and_so_is_what_is_told_of_them(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    name = "/" + "x" * 10_000_000
    for act in (bridge.take_authority, bridge.release_authority):
        done, text = act(name, START)
        assert not done
        assert "at most 256 characters" in text
        assert len(text) < 200
    assert bridge.take_authority("/" + "x" * 255, START)[0]
    assert bridge.release_authority("/" + "x" * 255, START)[0]
    for changes in ({"client": name}, {"instruction_id": name}, {"embodiment": name}, {"names": (name,)}):
        bridge.on_chunk(guarded.chunk(**changes), START)
    assert bridge.counts.accepted == 0
    bridge.on_watchdog(False, name, START)
    assert len(bridge.reason) < 1000
    assert all(len(e.text) < 1000 and len(e.instruction_id) <= 128 for e in bridge.take()[1])


def test_release_of_who_did_not_ask_by_name_says_that_it_does_not_last(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    done, text = bridge.release_authority("/policy", START + SECOND // 10)
    assert done
    assert "with its next chunk" in text


def test_motion_of_a_client_that_gives_up_authority_is_braked_within_the_limits_and_held(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_instruction("", START)
    bridge.take_authority("/motion", START)
    bridge.on_chunk(guarded.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
    middle = START + 8 * SECOND // 10
    assert abs(bridge.plan.at(middle)[1]).max() > 0.1  # under way
    guarded.feel(bridge, bridge.plan.at(middle)[0], middle)
    bridge.tick(middle)
    bridge.take()
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
    assert bridge.approve(1, True, START + SECOND // 5) == (False, "no plan waits")
