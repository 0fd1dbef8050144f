#!/bin/bash
# A stand-in for the devstack plugin of ceilometer-powervm.
record "ceilometer-powervm $*"
behave "ceilometer-powervm"
