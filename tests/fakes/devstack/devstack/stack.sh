#!/usr/bin/env bash
#
# A stand-in for devstack's stack.sh: it reads local.conf by devstack's rules, calls plugins in devstack's phases, writes
# configuration, and brings up no service but in the node's journal. $STAND_IN is the node's folder.

set -o errexit
TOP_DIR=$(cd "$(dirname "$0")" && pwd)
source "$TOP_DIR/functions"
trap 'echo "[ERROR] stack.sh:$LINENO exit_trap: cleaning up child processes"' ERR

record stack.sh
echo $$ >"$STAND_IN/stack.pid"
[[ -r $TOP_DIR/local.conf ]] || die "$LINENO" "there is no local.conf"
check_local_conf "$TOP_DIR/local.conf"
extract_localrc_section "$TOP_DIR/local.conf" "$TOP_DIR/.localrc.auto"
source "$TOP_DIR/stackrc"

fetch_plugins
run_phase stack pre-install
for project in requirements keystone glance neutron nova; do
    [[ -d $DEST/$project/.git ]] || die "$LINENO" "ERROR_ON_CLONE: $DEST/$project is not there"
done

source "$TOP_DIR/lib/nova"
source "$TOP_DIR/lib/neutron"
source "$TOP_DIR/lib/tempest"
if [[ -r $TOP_DIR/lib/nova_plugins/hypervisor-$VIRT_DRIVER ]]; then
    source "$TOP_DIR/lib/nova_plugins/hypervisor-$VIRT_DRIVER"
fi

step keystone
step glance
install_nova
configure_neutron
run_phase stack install
step nova
configure_nova
merge_config_group "$TOP_DIR/local.conf" post-config
run_phase stack post-config
install_clients
start_nova
merge_config_group "$TOP_DIR/local.conf" extra
run_phase stack extra
merge_config_group "$TOP_DIR/local.conf" post-extra
install_tempest
merge_config_group "$TOP_DIR/local.conf" test-config
run_phase stack test-config
step end
touch "$TOP_DIR/.stackenv"
echo "stack.sh completed in $SECONDS seconds."
