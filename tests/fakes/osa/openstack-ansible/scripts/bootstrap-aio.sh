#!/usr/bin/env bash
# A stand-in: writes configuration as the AIO's, with other values than the CI's.
set -e -u -x
cd "$(dirname "$0")/.."
source scripts/scripts-library.sh
step bootstrap-aio.sh
[[ -x $STAND_IN/bin/openstack-ansible ]] || { echo "E: there is no Ansible" >&2; exit 1; }
plugin=ml2.ovn
[[ _${SCENARIO}_ != *_ovs_* ]] || plugin=ml2.ovs
mkdir -p "$OSA_CONFIG_DIR/conf.d"
cat >"$OSA_CONFIG_DIR/user_variables.yml" <<EOF
neutron_plugin_type: $plugin
nova_virt_type: qemu
nova_git_install_branch: master
tempest_install: true
tempest_run: true
tempest_public_net_physical_name: physnet1
EOF
echo "scenario: $SCENARIO" >"$OSA_CONFIG_DIR/openstack_user_config.yml"
echo "compute_hosts: {aio1: {ip: 10.7.7.7}}" >"$OSA_CONFIG_DIR/conf.d/nova.yml"
cat >"$OSA_CONFIG_DIR/user_secrets.yml" <<EOF
keystone_auth_admin_password: secretkeystone
nova_container_mysql_password: secretdatabase
heat_auth_encryption_key: secretencryption
EOF
