#!/usr/bin/env bash
#
# A stand-in for devstack's unstack.sh. As the real one it goes on after what fails, and its status is that of its last
# command, which is about a file that only a later step of stack.sh makes.

TOP_DIR=$(cd "$(dirname "$0")" && pwd)
source "$TOP_DIR/functions"
[[ ! -r $TOP_DIR/.localrc.auto ]] || source "$TOP_DIR/stackrc"
record unstack.sh
# one that has ended and waits for its parent (Z) does not go on
if [[ -e $STAND_IN/stack.pid ]] && grep --quiet --no-messages $'^State:\t[^Z]' "/proc/$(<"$STAND_IN/stack.pid")/status"; then
    record "stack.sh goes on beside unstack.sh"
fi
behave unstack
run_phase unstack ""
systemctl stop "devstack@*"
sed -i "/directory = /d" "$STAND_IN/etc/gitconfig"
