#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The suite on Pythons that are newer than the machine's: those of Debian's unstable.
#
#     tests/newest.sh FOLDER VERSION...          as root, on Debian, with mmdebstrap
#
# They come into a system of their own in FOLDER/root, from the mirror that this machine's own
# packages come from. Nothing is added to the machine's sources, and what is mounted in there is
# seen by the tests alone and gone with them. Packages of others that have no wheel for a version
# yet are named and left out; their tests are skipped, as on PyPy.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
shift
root=$folder/root

if [ "$(id -u)" -ne 0 ] || ! command -v mmdebstrap >/dev/null; then
    echo "make newest: needs root and Debian's mmdebstrap (apt-get install mmdebstrap)" >&2
    exit 2
fi

if [ ! -e "$root/.made" ]; then
    # shellcheck disable=SC2016 # the words in $() are apt's
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' |
        awk '$2 == "Debian" && !found { print $1; found = 1 }')
    [ -n "$mirror" ] || { echo "make newest: apt here has no mirror of Debian's" >&2; exit 2; }
    # A mirror may be one of an earlier day, where apt was told that this is meant.
    eval "$(apt-config shell valid Acquire::Check-Valid-Until)"
    pythons=$(printf 'python%s-dev,' "$@")$(printf 'python%s-venv,' "$@")
    rm -rf "$root"
    mkdir -p "$folder"
    mmdebstrap --quiet --variant=apt --aptopt="Acquire::Check-Valid-Until \"${valid:-true}\"" \
        --include="${pythons}ca-certificates,gcc,libc6-dev,make" unstable "$root" "$mirror"
    touch "$root/.made"
fi

# The tree as it is, committed or not; what was built for an earlier run is replaced.
mkdir -p "$root/ssewire"
find "$root/ssewire" -mindepth 1 -maxdepth 1 ! -name '.venv-*' -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    tar --null --files-from=- --create --file=- | tar --extract --file=- --directory="$root/ssewire"
recordings=${SSEWIRE_RECORDINGS:-../shared/recordings}
[ ! -d "$recordings" ] || { mkdir -p "$root/shared" && cp -r "$recordings" "$root/shared/"; }
# pip finds its index there as it does here.
cp /etc/resolv.conf /etc/hosts "$root/etc/"
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

cat >"$root/ssewire/.run" <<'INSIDE'
set -euo pipefail
cd /ssewire
again='not slow and not once'
for version in "$@"; do
    venv=.venv-$version
    [ -e "$venv" ] || "python$version" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --upgrade pip
    "$venv/bin/python" tests/kit/installing.py test
    touch "$venv/.test-tools"
    "$venv/bin/python" --version
    ${MAKE:-make} --silent test-both PYTHON="python$version" VENV="$venv" PYTEST_ARGS="-q -m '$again' $ARGS"
    ${MAKE:-make} --silent test-pure PYTHON="python$version" VENV="$venv" PYTEST_ARGS="-q $ARGS"
done
INSIDE

# shellcheck disable=SC2016 # it is for the shell inside
ARGS=${ARGS:-} unshare --mount --propagation private --pid --fork --kill-child bash -euc '
    root=$1
    shift
    mount --bind /dev "$root/dev"
    mount --bind /dev/pts "$root/dev/pts"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    exec chroot "$root" nice bash /ssewire/.run "$@"' newest "$root" "$@"
