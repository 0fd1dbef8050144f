#!/usr/bin/env bash
#
# A stand-in for devstack's unstack.sh.

set -o errexit
TOP_DIR=$(cd "$(dirname "$0")" && pwd)
source "$TOP_DIR/functions"
[[ ! -r $TOP_DIR/.localrc.auto ]] || source "$TOP_DIR/stackrc"
record unstack.sh
[[ ! -e $STAND_IN/stack.pid || ! -e /proc/$(<"$STAND_IN/stack.pid") ]] || record "stack.sh goes on beside unstack.sh"
behave unstack
run_phase unstack ""
rm -f "$STAND_IN"/running/*
