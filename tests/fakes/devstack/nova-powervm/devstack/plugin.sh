#!/bin/bash
# A stand-in for the devstack plugin of nova-powervm.
record "nova-powervm $*"
behave "nova-powervm"
