#!/usr/bin/env bash
# The whole way, from broken agents to proven ones, on a copy of examples/agents.
# Every command is shown with its exit code; the script fails where a code is not the promised one.
set -euo pipefail

agents="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/agents"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -r "$agents" "$scratch/agents"
cd "$scratch"

# promise CODE COMMAND...   runs the command and holds it to the exit code
promise() {
    local promised=$1 code=0
    shift
    printf '\n$ %s\n' "$*"
    "$@" || code=$?
    printf '[exit code %s]\n' "$code"
    if [[ $code != "$promised" ]]; then
        printf 'demo: "%s" ended with %s, but %s was promised\n' "$*" "$code" "$promised" >&2
        exit 1
    fi
}

printf '# Two of these agents train without an exception, and never learn.\n'
promise 1 policyfix check agents
promise 1 policyfix verify agents/forager.py::Forager

printf '\n# The migration: first as a diff, then for good.\n'
promise 1 policyfix apply --diff agents/forager.py
promise 1 policyfix apply agents

printf '\n# What changes numbers was left: it needs a word. Then nothing is left to find, and both agents\n'
printf '# prove it by running.\n'
promise 0 policyfix apply --unsafe agents
promise 0 policyfix check agents
promise 0 policyfix verify agents/forager.py::Forager
promise 0 policyfix verify --select PV2 agents/keeper.py::Keeper
