#!/bin/bash
#
# devstack/plugin.sh of macvtap-agent
# Runs neutron's macvtap agent beside another L2 agent: devstack itself runs only one. local.conf configures it.

# Dependencies:
# ``functions`` file
# ``NEUTRON_BIN_DIR``, ``NEUTRON_CONF`` must be defined

if is_service_enabled neutron-macvtap-agent; then
    case "$1 $2" in
        "stack extra")
            echo_summary "Starting neutron's macvtap agent"
            run_process neutron-macvtap-agent "$NEUTRON_BIN_DIR/neutron-macvtap-agent --config-file $NEUTRON_CONF --config-file /etc/neutron/plugins/ml2/macvtap_agent.ini"
            ;;
        "unstack "*)
            stop_process neutron-macvtap-agent
            ;;
    esac
fi
