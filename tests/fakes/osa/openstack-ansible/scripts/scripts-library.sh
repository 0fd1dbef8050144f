# shellcheck shell=bash
# step NAME - record it, and do what $STAND_IN/behaviour says of it
function step {
    local word name
    echo "$1 ${SCENARIO:-} ${BOOTSTRAP_OPTS:-}" >>"$STAND_IN/calls"
    [[ -r $STAND_IN/behaviour ]] || return 0
    while read -r word name; do
        [[ $name == "$1" ]] || continue
        case $word in
            fail) echo "E: $1 cannot fetch what it needs" >&2; exit 1 ;;
            hang) echo "waiting for $1"; sleep 300 & wait ;;
        esac
    done <"$STAND_IN/behaviour"
}
