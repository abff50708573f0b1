#!/bin/bash
# Put ROS 2, our packages and the command `finevla` on the paths, then run what was asked for.
set -eo pipefail
cd /finevla
# shellcheck disable=SC1091
if [ -f .venv/setup.sh ]; then
  . install/setup.bash   # the workstation's wheels bring a ROS 2 of their own
else
  . /opt/ros/jazzy/setup.bash
  . .venv/bin/activate
  . install/setup.bash
fi
exec "$@"
