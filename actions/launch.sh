#!/usr/bin/env bash
# Becomes the binary of a step: launch.sh STEP [ARGUMENT...]
#
# The binary is looked for in $RELEASE_ACTIONS_BIN, then in the runner's tool
# cache under the hash of this source tree, and else built with Go.
#
# It must be bash, since dash drops variables such as INPUT_BUILD-ARGS. It execs
# and is itself exec'ed by action.yml, since a runner signals the process that it
# started, and a shell that waits for a child keeps SIGINT to itself.
set -euo pipefail

fail() {
  local text=$1$'\n'"hint: $2"
  if [ "${GITHUB_ACTIONS:-}" = true ]; then
    text=${text//'%'/%25}
    echo "::error title=launch::${text//$'\n'/%0A}"
  else
    echo "launch: $text" >&2
  fi
  exit 1
}

step=${1:?usage: launch.sh STEP [ARGUMENT...]}
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
[ -f "$root/actions/$step/action.yml" ] || fail "there is no step \"$step\"" "the steps are the folders beside launch.sh"

if [ -n "${RELEASE_ACTIONS_BIN:-}" ]; then
  [ -x "$RELEASE_ACTIONS_BIN/$step" ] || fail "RELEASE_ACTIONS_BIN has no program \"$step\"" "build it with \"make build\", or unset RELEASE_ACTIONS_BIN"
  exec "$RELEASE_ACTIONS_BIN/$step" "$@"
fi

# A step that needs another one's program starts it by this script.
export RELEASE_ACTIONS_LAUNCHER="$root/actions/launch.sh"

hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
# What a binary is made of: the module and its sources, without the local world and tests.
tree=$(cd "$root" && {
  cat go.mod go.sum
  find actions internal -path internal/devstack -prune -o -type f ! -name '*_test.go' ! -path '*/testdata/*' -print | LC_ALL=C sort | while IFS= read -r file; do
    printf '%s\n' "$file"
    cat "$file"
  done
} | hash | cut -c1-16)
cache=${RUNNER_TOOL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}/release-actions/$tree
if [ ! -x "$cache/$step" ]; then
  command -v go >/dev/null || fail "no program for the step \"$step\" and no Go to build it" "add a step with \"uses: actions/setup-go\" before this one, or set RELEASE_ACTIONS_BIN"
  echo "building $step from source (first time only)"
  mkdir -p "$cache"
  built=$(mktemp "$cache/.$step.XXXXXX")
  trap 'rm -f "$built"' EXIT
  (cd "$root" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags='-s -w' -o "$built" "./actions/$step") ||
    fail "build the step \"$step\"" "it needs the Go version of go.mod and a module proxy"
  # Into place in one move: steps of several jobs may share the cache.
  mv -f "$built" "$cache/$step"
fi
exec "$cache/$step" "$@"
