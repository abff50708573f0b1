#!/bin/bash
# Copy the manifests of a tree, and nothing else; or name the rosdep keys that pip would install.
#   manifests.sh FROM TO | manifests.sh --pip-keys
set -euo pipefail
if [ "$1" = --pip-keys ]; then
  cd "$(dirname "$0")/.."
  cat package.xml src/*/package.xml | grep -oE 'python3-[a-z0-9-]+-pip' | sort -u | tr '\n' ' '
  exit
fi
cd "$1"
for file in package.xml src/*/package.xml; do
  mkdir -p "$2/$(dirname "$file")"
  cp "$file" "$2/$file"
done
