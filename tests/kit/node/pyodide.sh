#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs pytest in Pyodide: pyodide.sh CHECKOUT MODULES PYTEST_ARGS...
# CPython's own recursion limit is beyond what Node grants a stack by default: deep JSON would
# end the process, where any other Python raises RecursionError.
set -eu
here=$(dirname "$0")
checkout=$1 modules=$2
shift 2
recordings=$checkout/../shared/recordings
[ -d "$recordings" ] || recordings=$checkout/src/ssewire/replay/examples
ulimit -s 200000
exec node --stack-size=60000 "$here/pyodide.mjs" "$checkout" "$modules" "$recordings" "$@"
