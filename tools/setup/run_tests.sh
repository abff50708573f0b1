#!/usr/bin/env bash
# All tests, in the environment of `make setup`: without nodes and with nodes two at a time, the whole stack by itself.
# Nodes keep deadlines of tenths of a second. One that misses them because two tests share two cores says nothing about
# the node, so a node test that fails beside another is run once more by itself, and that counts; it is named at the end. The
# same goes for tests of the whole stack: a machine that stands still for half a second in a motion of one leaves nothing to stop.
# A test process that dies ends its stage: replaced, it may keep the run waiting for ever.
set -uo pipefail
export OMP_NUM_THREADS=1  # two threads in each of two processes wait for each other on two cores: torch thirty times slower
if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
  # Else each of the hundreds of processes compiles anew what it imports: a node's start takes three times as long.
  unset PYTHONDONTWRITEBYTECODE
  export PYTHONPYCACHEPREFIX=$PWD/build/pycache
fi
side_by_side=(-n 2 --dist loadfile --max-worker-restart 0)
nodes='nodes and not stack and not alone'
log=$(mktemp)
files=$(mktemp)
trap 'rm -f "$log" "$files"' EXIT

again=()
# Runs the failed tests of a stage's log once more, if they are few and none died; gives the stage's exit code.
run_failed_again() {
  local code=$1 few=$2 failed
  if [ "$code" -eq 1 ] && ! grep -q 'crashed while running' "$log"; then
    mapfile -t failed < <(sed -nE '/^(FAILED|ERROR) .*::/ { s/^[A-Z]+ //; s/ - .*//; p }' "$log")
    if [ ${#failed[@]} -gt 0 ] && [ ${#failed[@]} -le "$few" ]; then
      again+=("${failed[@]}")
      printf '[test] by itself once more: %s\n' "${failed[@]}"
      python -m pytest "${failed[@]}"
      code=$?
    fi
  fi
  return "$code"
}

# In the order of the folders: at the end stand small files, which keep both processes busy until the last.
NODE_TEST_FILES=$files python -m pytest -m 'not nodes' "${side_by_side[@]}" --no-loadscope-reorder
plain=$?

# To import all test files takes each process ten seconds and more, for torch is among them; of nodes are those that the
# first stage found. If it found none, all are searched.
mapfile -t files_of_nodes < "$files"
python -m pytest -m "$nodes" "${side_by_side[@]}" "${files_of_nodes[@]}" | tee "$log"
beside=$?
run_failed_again $beside 5
beside=$?

python -m pytest -m 'stack or alone' "${files_of_nodes[@]}" | tee "$log"
run_failed_again $? 3
stack=$?
[ ${#again[@]} -eq 0 ] || printf '[test] failed at the first try: %s\n' "${again[@]}"
exit $((plain || beside || stack))
