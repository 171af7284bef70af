#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Formats a man page and its aliases, and fails on any warning of groff.
# Usage: check-format.sh MAN PAGE...
set -eu
man=$1
shift
for page; do
        # An alias holds nothing but the name of the page that it stands for.
        if grep -q '^\.so ' "$page"; then
                target=$(sed -n 's/^\.so man[0-9]*\///p' "$page")
                [ -s "$(dirname "$page")/$target" ] || { echo "$page: there is no $target" >&2; exit 1; }
                continue
        fi
        warnings=$(LC_ALL=C.UTF-8 MANWIDTH=100 "$man" --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
        if [ -n "$warnings" ]; then
                echo "$warnings" >&2
                exit 1
        fi
done
