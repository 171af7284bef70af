# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion of ipectl for bash.

# Prints names of policies, one a line; without a daemon none, and no message in the middle of a command line.
# Prints plain names only: compgen -W expands its words, so that it would run a name like '$(reboot)'.
__ipectl_names() {
        ipectl list --no-legend --no-ask-password 2>/dev/null |
                awk '$1 ~ /^[A-Za-z0-9._-]+$/ { print $1 }' | sort -u
}

# Prints the versions of one policy.
__ipectl_versions() {
        ipectl list --no-legend --no-ask-password 2>/dev/null |
                awk -v name="$1" '$1 == name && $2 ~ /^[0-9.]+$/ { print $2 }'
}

_ipectl() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb='' name='' word
        local -i i arguments=0
        local verbs='status list show volumes log history trust watch stage preflight activate confirm end-trial rollback deactivate
                     discard reload boot-check boot-confirm enforce success-audit lint print sign verify help'
        local options='--help --quiet --json --no-pager --no-ask-password'

        COMPREPLY=()
        # "--option=word" comes as three words; complete the value.
        if [[ $cur == = ]]; then
                cur=''
        elif [[ $prev == = ]]; then
                prev=${COMP_WORDS[COMP_CWORD-2]}
        fi

        for ((i = 1; i < COMP_CWORD; i++)); do
                word=${COMP_WORDS[i]}
                [[ $word == -* || $word == = || ${COMP_WORDS[i-1]} == = ]] && continue
                [[ ${COMP_WORDS[i-1]} == -[nHM] ]] && continue
                [[ ${COMP_WORDS[i-1]} == --@(cert|key|format|output|trust|trial-sec|confirm|accept|from|lines|since|host|machine) ]] && continue
                if [[ -z $verb ]]; then
                        verb=$word
                else
                        name=${name:-$word}
                        arguments+=1
                fi
        done

        case $prev in
        --json)
                mapfile -t COMPREPLY < <(compgen -W 'pretty short off' -- "$cur")
                return
                ;;
        --cert | --key | --output)
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                return
                ;;
        --trust)
                mapfile -t COMPREPLY < <(compgen -d -- "$cur")
                return
                ;;
        --format)
                mapfile -t COMPREPLY < <(compgen -W 'auto pkcs7 appended' -- "$cur")
                return
                ;;
        --confirm)
                mapfile -t COMPREPLY < <(compgen -W 'auto manual' -- "$cur")
                return
                ;;
        --since)
                mapfile -t COMPREPLY < <(compgen -W 'today yesterday' -- "$cur")
                return
                ;;
        --lines | -n)
                mapfile -t COMPREPLY < <(compgen -W '10 100 all' -- "$cur")
                return
                ;;
        --host | -H)
                mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
                return
                ;;
        --trial-sec | --machine | -M)
                return
                ;;
        --version | --from)
                [[ $verb == @(activate|confirm|end-trial|rollback) ]] &&
                        mapfile -t COMPREPLY < <(compgen -W "$(__ipectl_versions "$name")" -- "$cur")
                return
                ;;
        esac

        if [[ $cur == -* ]]; then
                case $verb in
                '') options+=' --version' ;;
                list | volumes | trust | preflight) options+=' --no-legend --full' ;;
                history) options+=' --no-legend --full --lines= --since=' ;;
                log) options+=' --lines= --since= --follow' ;;
                activate) options+=' --version= --trial-sec= --confirm= --accept= --force --wait' ;;
                confirm | end-trial) options+=' --version=' ;;
                rollback) options+=' --from=' ;;
                deactivate) options+=' --force' ;;
                lint) options+=' --strict' ;;
                sign) options+=' --strict --cert= --key= --format= --output= --force' ;;
                verify) options+=' --trust=' ;;
                esac
                case $verb in
                log | boot-check | boot-confirm | lint | print | sign | verify | help) ;;
                stage) options+=' --machine=' ;;
                *) options+=' --host= --machine=' ;;
                esac
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
                [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
                return
        fi

        case $verb in
        '')
                mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
                ;;
        log | history | preflight | activate | confirm | end-trial | rollback | deactivate)
                ((arguments == 0)) && mapfile -t COMPREPLY < <(compgen -W "$(__ipectl_names)" -- "$cur")
                ;;
        show | discard)
                if ((arguments == 0)); then
                        mapfile -t COMPREPLY < <(compgen -W "$(__ipectl_names)" -- "$cur")
                elif ((arguments == 1)); then
                        mapfile -t COMPREPLY < <(compgen -W "$(__ipectl_versions "$name")" -- "$cur")
                fi
                ;;
        enforce | success-audit)
                ((arguments == 0)) && mapfile -t COMPREPLY < <(compgen -W 'yes no' -- "$cur")
                ;;
        stage | lint | print | sign | verify)
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                ;;
        esac
}

complete -F _ipectl ipectl
