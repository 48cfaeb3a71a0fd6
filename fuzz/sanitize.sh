#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Build the compiled modules with the address and undefined-behaviour sanitizers
# and run corpus and twins on them; any report ends the run. Linux with gcc.
#
#     fuzz/sanitize.sh PYTHON
#
# PYTHON has the dependency group `test` installed. Two builds, side by side:
#   vectors   as it is shipped; each object in a malloc block of its own, so that
#             one byte past its end is seen, and no free list hides a late use;
#   portable  without SSE2 or NEON, with slots as where there is no GIL; under the
#             interpreter's own memory checks.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath --no-symlinks "$1")
work=$PWD/build/sanitize
rm -rf "$work"

# -UNDEBUG: the interpreter's macros check their arguments.
flags="-O1 -g -UNDEBUG -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"

build() { # name, further flags
    mkdir -p "$work/$1"
    cp -r src setup.py pyproject.toml README.md LICENSE "$work/$1"
    find "$work/$1" \( -name '*.so' -o -name '*.c' \) -delete
    (cd "$work/$1" && SSEWIRE_BUILD_EXTENSION=require CFLAGS="$flags $2" \
        LDFLAGS="-fsanitize=address,undefined" "$python" setup.py --quiet build_ext --inplace)
}

check() { # name, allocator, pytest arguments
    local name=$1 allocator=$2
    shift 2
    # The interpreter does not free everything at its end, so leaks are not looked
    # for here; tests/parser/test_leaks.py does that.
    LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
    ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    PYTHONMALLOC=$allocator PYTHONPATH="$work/$name/src" SSEWIRE_PARSER=cython \
        "$python" -m pytest --quiet -p no:cacheprovider --impl both "$@"
}

# A sanitizer that is not there would find nothing.
probe() {
    local file
    find "$work/$1/src" -name '*.so' | while read -r file; do
        # Not -q, which would end before nm has written all: that counts as a failure here.
        if ! nm -D "$file" | grep __asan_report >/dev/null; then
            echo "$file is not instrumented" >&2
            return 1
        fi
    done
}

run() { # name, further flags, allocator, pytest arguments
    local name=$1 more=$2
    shift 2
    build "$name" "$more"
    probe "$name"
    check "$name" "$@"
}

mkdir -p "$work"
# What something costs says nothing where each access to memory is checked.
tests=(tests/parser/test_corpus.py tests/parser/test_twins.py tests/claude/test_delta.py
    tests/claude/test_partial_json.py tests/claude/test_step.py tests/claude/test_stream.py
    tests/http/test_chunk.py tests/clients/test_aio_wake.py
    -k "not is_absent and not cost_of and not costs_the_same")
run vectors -DSSEWIRE_NO_SPARE_EVENTS malloc "${tests[@]}" tests/parser/test_threads.py tests/parser/test_parser.py \
    >"$work/vectors.log" 2>&1 &
first=$!
run portable "-DSSEWIRE_NO_SIMD -DSSEWIRE_NO_DIRECT_SLOTS" debug "${tests[@]}" >"$work/portable.log" 2>&1 &
second=$!
failed=()
wait "$first" || failed+=(vectors)
wait "$second" || failed+=(portable)
for name in vectors portable; do
    echo "== $name"
    tail -n 3 "$work/$name.log"
done
for name in "${failed[@]}"; do
    echo "== failed: $name, the end of $work/$name.log"
    tail -n 150 "$work/$name.log"
done
[ ${#failed[@]} -eq 0 ]
