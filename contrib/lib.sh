# SPDX-License-Identifier: Apache-2.0
# Shell functions of contrib/quickstart and contrib/check. Wants $root: the top of the source tree.

say() {
    echo "== $*"
}

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

fail_log() {
    tail -25 "$1" >&2
    fail "failed; the whole log is $1"
}

# As root, with sudo where we are not.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root: $*"
    fi
}

# Installs the packages of these groups (contrib/packages) that are missing. Touches nothing when none is.
need_packages() { # group...
    local missing=() package group program
    command -v dpkg-query >/dev/null || return 0 # not Debian: configure says what is missing
    while read -r group package program; do
        case " $* " in *" $group "*) ;; *) continue ;; esac
        [ -z "$program" ] || ! command -v "$program" >/dev/null || continue
        dpkg-query -W -f='${Status} ${Provides}\n' "$package" 2>/dev/null | grep -q '^install ok installed' ||
            missing+=("$package")
    done < <(grep -v '^#' "$root/contrib/packages")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing packages: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null ||
        say "apt-get update failed; going on with the lists that are there"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "could not install: ${missing[*]}"
}

# Makes ./configure when it is missing or older than what it is made from.
prepare_configure() {
    local newer
    newer=$(find "$root/configure.ac" "$root/Makefile.am" "$root"/*/room.mk "$root"/core/*/room.mk "$root"/tests/unit/*.mk \
        -newer "$root/configure" -print -quit 2>/dev/null)
    if [ ! -e "$root/configure" ] || [ ! -e "$root/Makefile.in" ] || [ -n "$newer" ]; then
        say "making configure"
        "$root/autogen.sh" >"$root/build/autogen.log" 2>&1 || fail_log "$root/build/autogen.log"
    fi
}

# CC=... for configure, through ccache where it is installed. Prints one word without spaces in it or nothing more.
ccache_cc() { # compiler
    if command -v ccache >/dev/null; then
        printf 'CC=%s' "$root/build/bin/$1"
        mkdir -p "$root/build/bin"
        for name in "$1" "$(printf '%s' "$1" | sed 's/gcc/g++/; s/clang/clang++/')"; do # configure finds the second by the first
            printf '#!/bin/sh\nexec ccache %s "$@"\n' "$name" >"$root/build/bin/$name"
            chmod 755 "$root/build/bin/$name"
        done
    else
        printf 'CC=%s' "$1"
    fi
}
