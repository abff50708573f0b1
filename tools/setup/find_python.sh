#!/bin/sh
# Print the path of a Python 3.12 that runs, or say in one sentence what to install.
# A pyenv shim named python3.12 may exist and fail, so every candidate is tried.
runs() { [ "$("$1" -c 'import sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "3.12" ]; }
for candidate in "${FINEVLA_PYTHON:-}" python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python /usr/local/bin/python3.12; do
  [ -n "$candidate" ] || continue
  if runs "$candidate"; then command -v "$candidate"; exit 0; fi
done
echo "error: no Python 3.12 that runs was found; install it (Ubuntu 24.04: apt install python3.12-venv; else pyenv install 3.12) or set FINEVLA_PYTHON" >&2
exit 1
