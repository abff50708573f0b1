"""XPolicyLab (RoboTwin's main branch) with a policy behind `finevla serve`: copied to `policy/FineVLA/` (../README.md)."""

import numpy as np

from .policy_client import PolicyClient

CAMERAS = {"cam_high": "cam_head", "cam_left_wrist": "cam_left_wrist", "cam_right_wrist": "cam_right_wrist"}
# The robot's 14 values by XPolicyLab's names, in order.
PARTS = {
    "left_arm_joint_state": slice(0, 6),
    "left_ee_joint_state": slice(6, 7),
    "right_arm_joint_state": slice(7, 13),
    "right_ee_joint_state": slice(13, 14),
}


class Model:
    """XPolicyLab's model: an observation in, rows of joint targets out. One connection for each environment of a batch."""

    def __init__(self, model_cfg):
        """Take `url`, `timeout_s` and `token_env` of the configuration; actions of joints only."""
        if model_cfg.get("action_type", "joint") != "joint":
            raise ValueError(f"action_type is {model_cfg['action_type']!r}; a policy of finevla serve answers joints")
        url, timeout_s = model_cfg.get("url", "ws://127.0.0.1:8000"), float(model_cfg.get("timeout_s", 60.0))
        self._connect = lambda: PolicyClient(url, timeout_s, model_cfg.get("token_env") or "")
        self._clients = {0: self._connect()}  # a server that is not there is known before the first episode
        self._observations = {}

    def update_obs(self, obs):
        """Keep the newest observation for the next action."""
        self._observations[0] = obs

    def get_action(self):
        """Return the rows of the policy's answer, each a map of joints and grippers."""
        return self._rows(0)

    def update_obs_batch(self, obs_list):
        """Keep the newest observation of each environment, by its `env_idx`."""
        for obs in obs_list:
            self._observations[int(obs["env_idx"])] = obs

    def get_action_batch(self, env_idx_list=None):
        """Return the rows for each of these environments."""
        return [self._rows(int(k)) for k in (sorted(self._observations) if env_idx_list is None else env_idx_list)]

    def reset(self):
        """Begin another episode: the policy forgets what it has seen."""
        self._observations.clear()
        for client in self._clients.values():
            client.reset()

    def prepare_case(self, case_meta):
        """Do nothing: words come with the observations."""

    def on_trial_end(self, result):
        """Begin another episode on the server."""
        self.reset()

    def _rows(self, env):
        if env not in self._observations:
            raise ValueError(f"get_action needs an observation of environment {env}: call update_obs before")
        if env not in self._clients:
            self._clients[env] = self._connect()
        obs = self._observations[env]
        images = {name: np.asarray(obs["vision"][key]["color"], np.uint8) for name, key in CAMERAS.items()}
        state = np.concatenate([np.atleast_1d(np.asarray(obs["state"][key], np.float32)) for key in PARTS])
        words = obs.get("instruction") or obs["instructions"][0]
        rows = self._clients[env].infer(images, state, words)
        return [{key: row[part] for key, part in PARTS.items()} for row in rows]
