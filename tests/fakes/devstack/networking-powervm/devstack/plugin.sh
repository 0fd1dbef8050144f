#!/bin/bash
# A stand-in for the devstack plugin of networking-powervm.
record "networking-powervm $*"
behave "networking-powervm"
if [[ "$1 $2" == "stack extra" ]]; then
    if is_service_enabled pvm-q-sea-agt; then run_process pvm-q-sea-agt networking-powervm-sharedethernet-agent; fi
    if is_service_enabled pvm-q-sriov-agt; then run_process pvm-q-sriov-agt networking-powervm-sriov-agent; fi
fi
