#!/bin/bash
# Set up everything: Python environment, ROS 2 (wheels, unless a ROS 2 is sourced), EGL, the workspace.
# usage: [GPU=1] tools/setup/setup.sh [dev.txt train.txt ...]   run as often as you like; what is done is not done again.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
mkdir -p models
say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }

if [ -n "${ROS_DISTRO:-}" ] && [ -d "/opt/ros/${ROS_DISTRO}" ]; then
  say "ROS 2 ${ROS_DISTRO} is sourced; build with it: rosdep install --from-paths . src --ignore-src -y, pip install -r requirements/robot.txt, colcon build (see docs/real_robot.md)"
fi

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
  python=$(sh tools/setup/find_python.sh)
  say "making .venv with $python"
  rm -rf .venv
  "$python" -m venv .venv
fi
[ -x .venv/bin/uv ] || { say "installing uv"; .venv/bin/python -m pip install --quiet "$(grep '^uv==' requirements/tools.txt)"; }

bash tools/setup/requirements.sh ros.txt robot.txt "$@"

need=()
for package in libegl1 libgles2 libgl1-mesa-dri; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || need+=("$package")
done
command -v g++ >/dev/null || need+=(g++)
command -v make >/dev/null || need+=(make)
if [ ${#need[@]} -gt 0 ]; then
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  if command -v apt-get >/dev/null && { [ -z "$sudo" ] || command -v sudo >/dev/null; }; then
    say "installing ${need[*]} with apt"
    $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "${need[@]}" >/dev/null
  else
    echo "error: ${need[*]} are missing and apt-get cannot be used; install them (headless rendering and the compiler)" >&2
    exit 1
  fi
fi

# shellcheck disable=SC1091
. .venv/setup.sh
stamp=$( { echo "$root"; find package.xml setup.py setup.cfg src tools/setup/tf2_msgs \( -name package.xml -o -name 'setup.*' -o -name '*.msg' -o -name '*.srv' -o -name '*.action' -o -name CMakeLists.txt \) -type f -print0 | sort -z | xargs -0 sha256sum; find launch config urdf models -type f -not -path '*/.*' | sort; } | sha256sum | cut -d' ' -f1)
if ! grep -qsx "$stamp" install/finevla-build; then
  say "building the workspace: half a minute, most of it for the interfaces"
  mkdir -p log
  # tf2_msgs: the wheels lack it; a ROS 2 from apt has it, so it is no package of the workspace.
  if ! colcon build --base-paths . src tools/setup/tf2_msgs --symlink-install --cmake-args -DPython3_EXECUTABLE="$root/.venv/bin/python" -DBUILD_TESTING=OFF >log/setup-build.txt 2>&1; then
    tail -n 40 log/setup-build.txt >&2
    echo "error: colcon build failed; the whole output is in log/setup-build.txt" >&2
    exit 1
  fi
  echo "$stamp" > install/finevla-build
fi
# numba's caches name the modules that they were compiled with; where one has moved they cannot be read.
stamp=$(cd tools && find finevla_tools/dedup -name '*.py' | sort | sha256sum | cut -d' ' -f1)
if ! grep -qsx "$stamp" install/finevla-compiled; then
  find tools/finevla_tools/dedup \( -name '*.nbi' -o -name '*.nbc' \) -delete
  echo "$stamp" > install/finevla-compiled
fi
say "ready: '. install/setup.bash' puts ros packages and the command 'finevla' on your paths"
