#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual pages of the command line and of the helper programs, and the shells' completions, are what the programs say
# themselves. `manuals.sh --write` (make samples) writes them anew. Runs in the build tree.
completion=${srcdir:-.}/contrib/completion
etc=${srcdir:-.}/etc/man
mesos=core/cli/mesos
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# name, section, the --help text on standard input: usage, purpose, "  --flag  what it is" lines.
helper_page() {
    awk -v name="$1" '
        function safe(text) { gsub(/\\/, "\\e", text); gsub(/-/, "\\-", text); sub(/^[.\047]/, "\\\\&&", text); return text }
        NR == 1 { usage = $0; sub(/^Usage: /, "", usage); next }
        $0 == "" { next }
        !purpose {
            purpose = $0
            printf ".TH %s 8 \"\" \"cmesos\"\n.SH NAME\n%s \\- %s\n", name, safe(name), safe(purpose)
            printf ".SH SYNOPSIS\n%s\n.SH DESCRIPTION\nmesos\\-agent starts it; it is not meant to be called by hand.\n", safe(usage)
            next
        }
        /^  --help, --version/ { printf ".TP\n.B \\-\\-help, \\-\\-version\nthis text, and the version\n"; next }
        /^  / {
            flag = $1; sub(/^ +[^ ]+ +/, "")
            printf ".TP\n.B %s%s\n%s\n", safe(flag), (flag ~ /^--/ && flag !~ /^--(help|version)$/) ? "=VALUE" : "", safe($0)
        }
        END { printf ".SH SEE ALSO\n.BR mesos\\-agent (8)\n" }'
}

for word in $(COMP_LINE="mesos " HOME=/nonexistent $mesos completion); do
    case $word in acl | agent | framework | maintenance | task) continue ;; esac
    $mesos help --man "$word" > "$scratch/mesos-$word.1" || exit 1
done
$mesos help --man > "$scratch/mesos.1" || exit 1
for program in core/executor/mesos-executor core/executor/mesos-default-executor core/executor/mesos-fetcher \
    core/executor/mesos-docker-executor core/executor/mesos-http-check modules/containerizer/mesos-containerizer; do
    name=${program##*/}
    "$program" --help | helper_page "$name" > "$scratch/$name.8" || exit 1
done

mkdir "$scratch/shells"
for pair in bash:mesos zsh:_mesos fish:mesos.fish; do
    $mesos completion "${pair%%:*}" > "$scratch/shells/${pair#*:}" || exit 1
done

if [ "$1" = --write ]; then
    cp "$scratch"/*.[18] "$etc/"
    cp "$scratch"/shells/* "$completion/"
    exit
fi
status=0
for file in "$scratch"/shells/*; do
    cmp "$file" "$completion/${file##*/}" || { echo "$completion/${file##*/} is not what the program says: run \`make samples\`" >&2; status=1; }
done
for page in "$scratch"/*.[18]; do
    cmp "$page" "$etc/${page##*/}" || { echo "etc/man/${page##*/} is not what the tables say: run \`make samples\`" >&2; status=1; }
done
for page in "$etc"/*; do
    case ${page##*/} in mesos-master.8 | mesos-agent.8) continue ;; esac
    test -e "$scratch/${page##*/}" || { echo "${page##*/}: there is no such program any more" >&2; status=1; }
    grep -qF "etc/man/${page##*/}" "${srcdir:-.}/etc/room.mk" || { echo "${page##*/} is not installed by etc/room.mk" >&2; status=1; }
done
exit $status
