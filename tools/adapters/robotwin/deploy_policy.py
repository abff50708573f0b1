"""RoboTwin 2.0 (branch stable_2.0) with a policy behind `finevla serve`: copied to `policy/FineVLA/` (../README.md).

`model` is our client where RoboTwin makes it by `get_model`, or RoboTwin's own ModelClient at `finevla serve --robotwin`.
"""

import numpy as np

CAMERAS = {"cam_high": "head_camera", "cam_left_wrist": "left_camera", "cam_right_wrist": "right_camera"}


def get_model(usr_args):
    """Connect to the policy server that `deploy_policy.yml` names."""
    from .policy_client import PolicyClient  # not needed by those who use RoboTwin's own client

    url, timeout_s = usr_args.get("url", "ws://127.0.0.1:8000"), float(usr_args.get("timeout_s", 60.0))
    return PolicyClient(url, timeout_s, usr_args.get("token_env") or "")


def encode_obs(observation, instruction=""):
    """Return what a policy is asked with: three pictures as they are, the commanded joints and grippers, the words."""
    images = {name: np.asarray(observation["observation"][key]["rgb"], np.uint8) for name, key in CAMERAS.items()}
    state = np.asarray(observation["joint_action"]["vector"], np.float32)
    return {"images": images, "state": state, "prompt": str(instruction)}


def eval(TASK_ENV, model, observation):  # noqa: N803 - RoboTwin's names
    """Ask once and execute the answer's rows, until the task is done or the steps are used up."""
    model.call(func_name="update_obs", obs=encode_obs(observation, TASK_ENV.get_instruction()))
    for action in model.call(func_name="get_action"):
        TASK_ENV.take_action(np.asarray(action), action_type="qpos")
        if TASK_ENV.eval_success or TASK_ENV.take_action_cnt >= TASK_ENV.step_lim:
            break


def reset_model(model):
    """Begin another episode: the policy forgets what it has seen."""
    model.call(func_name="reset_model")
