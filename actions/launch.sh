#!/usr/bin/env bash
# Becomes the program of a step: launch.sh STEP [ARGUMENT...]
#
# The program is taken, in this order, from
#   1. the folder $RELEASE_ACTIONS_BIN;
#   2. a cache, where it is under the SHA-256 that checksums.txt beside this file has;
#   3. the release that checksums.txt names, if what comes has that SHA-256;
#   4. this source tree, by Go, where there is no checksums.txt: on a branch.
#
# It must be bash, since dash drops variables such as INPUT_BUILD-ARGS, and 3.2,
# which macOS has, must do. It execs and is itself exec'ed by action.yml, since a
# runner signals the process that it started, and a shell that waits for a child
# keeps SIGINT to itself.
[ -n "${BASH_VERSION:-}" ] || { echo "launch: this shell isn't bash; hint: say \"shell: bash\", or \"bash launch.sh\"" >&2; exit 1; }
set -euo pipefail
shopt -s execfail # a program that doesn't start must be told of, too

tried=''
note() { tried=$tried$'\n'"tried $1"; }

fail() {
  local newline=$'\n' text=$1$tried$'\n'"hint: $2"
  if [ "${GITHUB_ACTIONS:-}" = true ]; then
    text=${text//'%'/%25}
    text=${text//"$newline"/%0A}
    echo "::error title=launch::$text"
  else
    echo "launch: $text" >&2
  fi
  exit 1
}

step=${1:?usage: launch.sh STEP [ARGUMENT...]}
shift
root=$(cd -P "${BASH_SOURCE[0]%/*}/.." && pwd)
[ -f "$root/actions/$step/action.yml" ] || fail "there is no step \"$step\"" "the steps are the folders beside launch.sh"
os=${RUNNER_OS:-$(uname -s)} arch=${RUNNER_ARCH:-$(uname -m)}
case $os in
Linux) os=linux ;;
macOS | Darwin) os=darwin ;;
*) fail "steps don't run on $os" "have the job run on Linux: \"runs-on: ubuntu-24.04\"" ;;
esac
case $arch in X64 | x86_64) arch=amd64 ;; ARM64 | aarch64) arch=arm64 ;; esac
[ "$step $os" != "build-push darwin" ] || fail "build-push doesn't run on macOS, which has no BuildKit" "have the job run on Linux: \"runs-on: ubuntu-24.04\""

if [ -n "${RELEASE_ACTIONS_BIN:-}" ]; then
  [ -x "$RELEASE_ACTIONS_BIN/$step" ] || fail "RELEASE_ACTIONS_BIN has no program \"$step\"" "build it with \"make build\", or unset RELEASE_ACTIONS_BIN"
  exec "$RELEASE_ACTIONS_BIN/$step" "$@"
fi
elsewhere='set RELEASE_ACTIONS_BIN to a folder that has the programs'

# A step that needs another one's program starts it by this script.
export RELEASE_ACTIONS_LAUNCHER="$root/actions/launch.sh"

hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

get() { # URL FILE: curl and wget take proxies from the environment
  if command -v curl >/dev/null; then
    curl -fsSL --connect-timeout 20 --speed-limit 1000 --speed-time 30 --max-time 900 -o "$2" "$1"
  else
    wget -nv -t 1 -T 30 -O "$2" "$1"
  fi
}

download() { # FILE: fails where it can't be written
  local url pause code said sum
  command -v curl >/dev/null || command -v wget >/dev/null || fail "download $asset: neither curl nor wget is here" "install curl before this step, or $elsewhere"
  echo "launch: downloading $asset of $version" >&2
  for url in $RELEASE_ACTIONS_URL; do
    url=$url/releases/download/$version/$asset
    for pause in 2 5 15 0; do
      code=0
      said=$(get "$url" "$1.gz" 2>&1) || code=$?
      if [ "$code" = 0 ]; then
        sum=$(hash <"$1.gz")
        [ "${sum%% *}" = "$key" ] || fail "$url has the SHA-256 ${sum%% *}, and checksums.txt of this commit says $key" "nothing of it was run; see whether a proxy alters downloads, or else tell the makers of this action"
        said=$(gzip -dc "$1.gz" 2>&1 >"$1") && return
        note "${1%/*}: $said" && return 1
      fi
      case "$code $said" in
      '23 '* | '3 '*) note "${1%/*}: $said" && return 1 ;; # curl's and wget's word for a file that can't be written
      *' 404'*) break ;;
      esac
      sleep "$pause"
    done
    note "$url: $said"
  done
  fail "download $asset of $version" "look at githubstatus.com, and let the runner reach these addresses, by HTTPS_PROXY where there is a proxy; or $elsewhere"
}

compile() { # FILE
  command -v go >/dev/null || fail "there is no Go to build the step \"$step\" of a branch" "use a release, as \"@v1\"; or add a step with \"uses: actions/setup-go\" before this one; or $elsewhere"
  echo "launch: building $step from source (first time only)" >&2
  (cd "$root" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags='-s -w' -o "$1" "./actions/$step") ||
    fail "build the step \"$step\"" "it needs the Go version of go.mod, a module proxy, and space on the disk"
}

program=$step asset=''
if [ -f "$root/actions/checksums.txt" ]; then
  # Steps share most of their code, and so one program; only sbom is larger than all others together.
  [ "$step" = sbom ] || program=steps
  key='' version='' asset=${program}_${os}_$arch.gz
  while read -r first second; do
    case $second in "$asset") key=$first ;; v*) version=$second ;; esac
  done <"$root/actions/checksums.txt"
  [ -n "$key" ] || fail "the release $version has no program for $os/$arch" "have the job run on \"ubuntu-24.04\" or \"ubuntu-24.04-arm\""
  if [ -z "${RELEASE_ACTIONS_URL:-}" ]; then
    # A runner that keeps actions under other names may say which repository this is.
    repository=${GITHUB_ACTION_REPOSITORY:-} kept='/_actions/([^/]+/[^/]+)/[^/]+'
    [[ ! $root =~ $kept ]] || repository=${BASH_REMATCH[1]}
    [ -n "$repository" ] || fail "$root doesn't say which repository it is of" "set RELEASE_ACTIONS_URL to where its releases are: https://github.com/OWNER/REPOSITORY; or $elsewhere"
    server=${GITHUB_SERVER_URL:-https://github.com}
    RELEASE_ACTIONS_URL=$server/$repository
    # GitHub Enterprise Server may have the action from github.com.
    [ "$server" = https://github.com ] || RELEASE_ACTIONS_URL="$RELEASE_ACTIONS_URL https://github.com/$repository"
  fi
  export RELEASE_ACTIONS_URL
else
  # What a program is made of: the module and its sources, without the local world and tests.
  key=$(cd "$root" && {
    cat go.mod go.sum
    find actions internal -path internal/devstack -prune -o -type f ! -name '*_test.go' ! -path '*/testdata/*' -print | LC_ALL=C sort | while IFS= read -r file; do
      printf '%s\n' "$file"
      cat "$file"
    done
  } | hash | cut -c1-16)
fi

places=()
for place in "${RUNNER_TOOL_CACHE:-}" "${RUNNER_TEMP:-}" "${XDG_CACHE_HOME:-${HOME:-}/.cache}"; do
  [ -n "$place" ] || continue
  place=$place/release-actions/$key
  places+=("$place")
  [ ! -x "$place/$program" ] || exec -a "$step" "$place/$program" "$@" || note "$place/$program: it doesn't start"
done
trap 'rm -f "${part:-}" "${part:-}.gz"' EXIT
for place in "${places[@]}"; do
  part=$({ mkdir -p "$place" && mktemp "$place/.$program.XXXXXX"; } 2>&1) || { note "$place: $part"; continue; }
  chmod 755 "$part"
  if [ ! -x "$part" ]; then
    note "$place: programs can't be run there (noexec)"
  elif if [ -n "$asset" ]; then download "$part"; else compile "$part"; fi; then
    # Into place in one move: steps of several jobs may share the cache.
    mv -f "$part" "$place/$program" && rm -f "$part.gz"
    exec -a "$step" "$place/$program" "$@" || note "$place/$program: it doesn't start"
  fi
  rm -f "$part" "$part.gz"
done
fail "there is no place for the program of \"$step\"" "make space in one of these folders, and let programs be written and run there; or $elsewhere"
