#!/usr/bin/env bash
# A stand-in: puts the command and the roles where the real one puts them, below $STAND_IN.
set -e -u -x
cd "$(dirname "$0")/.."
source scripts/scripts-library.sh
[[ -z ${ANSIBLE_ROLES_PATH:-}${ANSIBLE_CONFIG:-} ]] || { echo "E: another Ansible's environment" >&2; exit 1; }
step bootstrap-ansible.sh
mkdir -p "$STAND_IN/bin" "$STAND_IN/ansible/roles"
{ echo "#!$STAND_IN_PYTHON/python"; cat bin/openstack-ansible.py; } >"$STAND_IN/bin/openstack-ansible"
chmod +x "$STAND_IN/bin/openstack-ansible"
rm -rf "$STAND_IN/ansible/roles/os_nova"
cp -r roles/os_nova "$STAND_IN/ansible/roles/os_nova"
git init --quiet "$STAND_IN/ansible/roles/os_nova"
git -C "$STAND_IN/ansible/roles/os_nova" add .
echo "System is bootstrapped and ready for use."
