#!/bin/bash
# Install lists of requirements into .venv, once each; called by setup.sh, from the repository's root.
# usage: [GPU=0|1] tools/setup/requirements.sh LIST.txt ...   GPU=1 holds for later runs too, until GPU=0.
set -euo pipefail
say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
install() { .venv/bin/uv pip install --quiet --python .venv/bin/python -c requirements/constraints.txt "$@"; }

kept=.venv/finevla-gpu done_=.venv/finevla-requirements
had=0; [ ! -e $kept ] || had=1
gpu=${GPU:-$had}
case $gpu in 0|1) ;; *) echo "error: GPU is '$gpu'; give GPU=1 for NVIDIA GPUs or GPU=0 for none" >&2; exit 2 ;; esac
if [ "$gpu" != "$had" ]; then
  # The two wheels share their files: installed over one another, and removed later, they leave a module that is neither.
  say "changing between ONNX Runtime for the CPU and for NVIDIA GPUs"
  rm -f $done_
  .venv/bin/uv pip uninstall --quiet --python .venv/bin/python onnxruntime onnxruntime-gpu
  if [ "$gpu" = 1 ]; then touch $kept; else rm -f $kept; fi
fi

files=() size="1.3 GB for the robot side and the simulator, 6.8 GB with training"
for list in "$@"; do files+=("requirements/$list"); done
if [ "$gpu" = 1 ]; then
  grep -vx onnxruntime requirements/robot.txt > .venv/robot-gpu.txt
  files=("${files[@]/#requirements\/robot.txt/.venv/robot-gpu.txt}" requirements/gpu.txt)
  size="$size, 1.5 GB for CUDA"
fi
stamp=$( (printf '%s\n' "${files[@]}"; cat requirements/constraints.txt "${files[@]}") | sha256sum | cut -d' ' -f1)
if ! grep -qsx "$stamp" $done_; then
  say "installing ${files[*]}: $size; a minute or more"
  install $(printf -- '-r %s ' "${files[@]}")
  .venv/bin/python tools/setup/mend_wheels.py
  .venv/bin/python tools/setup/underlay.py
  echo "$stamp" >> $done_
fi

# Only when asked for: where it cannot be had, every other run would wait for it in vain.
if [ "${GPU:-}" = 1 ]; then
  mkdir -p log
  stamp=$(sha256sum < requirements/tensorrt.txt | cut -d' ' -f1)
  if grep -qsx "$stamp" $done_; then
    :
  elif install -r requirements/tensorrt.txt 2>log/setup-tensorrt.txt; then
    echo "$stamp" >> $done_
  else
    say "TensorRT could not be installed, policies run on CUDA: NVIDIA's own index was not reached, or has nothing for this machine (log/setup-tensorrt.txt); run 'make setup GPU=1' again to retry"
  fi
fi
